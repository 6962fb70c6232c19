quench_test(core_test
  SOURCES core_csv_test.cpp core_file_test.cpp core_gzip_test.cpp core_hash_test.cpp core_json_test.cpp core_printable_test.cpp
          core_process_test.cpp core_processors_test.cpp core_rng_test.cpp core_shards_test.cpp core_tensor_test.cpp core_text_encoding_test.cpp core_text_test.cpp core_workers_test.cpp
  USES core LABELS fast NEEDS a_user_but_root "File.RequireWritableProbesAndCleansUp")
quench_test(layers_test SOURCES layers_test.cpp USES core LABELS fast)
quench_test(front_door_test SOURCES front_door_test.cpp USES core LABELS fast)
quench_test(bench_peers_test SOURCES bench_peers_test.cpp USES core LABELS fast)
quench_test(bench_training_test SOURCES bench_training_test.cpp USES core LABELS fast)
