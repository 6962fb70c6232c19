quench_test(pixels_test SOURCES pixels_planes_test.cpp pixels_preparation_test.cpp pixels_resize_test.cpp USES pixels LABELS fast)
