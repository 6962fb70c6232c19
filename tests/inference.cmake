if(QUENCH_LAB)
  quench_test(inference_predict_test SOURCES inference_predict_test.cpp inference_prediction_files_test.cpp
              USES inference weights LABELS fast NEEDS videoio "Files.AVideoBecomesAVideo")
  quench_test(inference_shares_test SOURCES inference_shares_test.cpp USES inference weights LABELS fast)
  quench_test(inference_sample_image_test SOURCES inference_sample_image_test.cpp USES inference LABELS fast)
  quench_test(inference_detect_golden_test SOURCES inference_detect_golden_test.cpp USES inference weights LABELS data)
  quench_test(inference_predict_golden_test SOURCES inference_predict_golden_test.cpp USES inference weights LABELS data)
endif()
