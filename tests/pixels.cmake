quench_test(pixels_test SOURCES pixels_resize_test.cpp USES pixels LABELS fast)
