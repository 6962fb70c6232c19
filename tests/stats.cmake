quench_test(stats_test
  SOURCES metrics_coco_plain.cpp stats_distribution_test.cpp stats_estimate_test.cpp stats_map_test.cpp stats_ratio_test.cpp
  USES stats LABELS fast)
