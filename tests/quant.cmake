if(QUENCH_LAB)
  quench_test(quant_observer_test SOURCES quant_observer_test.cpp USES quant LABELS fast)
  quench_test(quant_placement_test SOURCES quant_placement_test.cpp USES quant models LABELS fast)
  quench_test(quant_convert_test SOURCES quant_convert_test.cpp USES quant LABELS fast)
  quench_test(quant_prepare_test TORCH SOURCES quant_prepare_test.cpp quant_layer_bits_test.cpp USES quant runtime nn LABELS fast)
  quench_test(quant_shares_test TORCH SOURCES quant_shares_test.cpp USES quant nn LABELS fast)
  quench_test(quant_levels_test TORCH SOURCES quant_levels_test.cpp quant_power_of_two_test.cpp quant_dyadic_test.cpp quant_groups_test.cpp
    USES quant metrics models runtime nn integer_executor LABELS fast)
  quench_test(quant_native_test SOURCES quant_native_test.cpp USES quant models runtime nn LABELS fast)
  quench_test(quant_onnxruntime_test SOURCES quant_onnxruntime_test.cpp USES quant models runtime nn LABELS fast)
  quench_test(quant_refine_test TORCH
    SOURCES quant_content_test.cpp quant_weight_scales_test.cpp quant_layer_errors_test.cpp quant_equalize_test.cpp quant_adaround_test.cpp quant_pictures_test.cpp
    USES quant models runtime nn LABELS fast)
  quench_test(quant_dynamic_test TORCH SOURCES quant_dynamic_test.cpp USES quant models runtime nn LABELS fast)
  quench_test(quant_blocks_test TORCH SOURCES quant_blocks_test.cpp USES quant nn LABELS fast)
endif()
