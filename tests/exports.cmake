quench_test(exports_test SOURCES exports_integers_test.cpp exports_ncnn_test.cpp exports_tflite_test.cpp
            USES exports graph_samples reference_executor LABELS fast
            NEEDS python3 "Integers.TheReaderOfTheDocs*" ncnn "Ncnn.ItsOwnRuntime*" litert "Tflite.ItsOwnRuntime*")
