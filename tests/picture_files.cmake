quench_test(picture_files_test SOURCES picture_files_test.cpp USES picture_files LABELS fast)
if(QUENCH_LAB)
  quench_test(picture_files_opencv_test SOURCES picture_files_opencv_test.cpp USES picture_files LINK opencv_core opencv_imgproc opencv_imgcodecs
              LABELS fast)
endif()
