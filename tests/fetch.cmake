quench_test(fetch_test SOURCES fetch_test.cpp fetch_unzip_test.cpp USES fetch LINK Zip::zip LABELS fast)
