quench_test(metrics_layer_widths_test SOURCES metrics_layer_widths_test.cpp USES metrics models LABELS fast)
quench_test(metrics_test SOURCES metrics_confidence_test.cpp metrics_confusion_test.cpp metrics_cost_test.cpp metrics_latency_test.cpp metrics_outcomes_test.cpp metrics_reliability_test.cpp metrics_top_k_test.cpp USES metrics
            LABELS fast)
quench_test(metrics_coco_test
  SOURCES metrics_coco_golden_test.cpp metrics_coco_json_test.cpp metrics_coco_laws_test.cpp metrics_coco_map_test.cpp
          metrics_coco_plain.cpp
  USES metrics LABELS fast NEEDS golden_figures "Coco128/CocoGolden.*")
