quench_test(devices_test
  SOURCES devices_anchors_test.cpp devices_capability_test.cpp devices_files_test.cpp devices_fit_test.cpp
          devices_latency_test.cpp devices_new_device_test.cpp
  USES devices metrics graph_samples LABELS fast)
