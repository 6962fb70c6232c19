quench_test(train_checkpoint_test SOURCES train_checkpoint_test.cpp graph_samples.cpp USES train LABELS fast)
quench_test(train_optimizer_test SOURCES train_optimizer_test.cpp graph_samples.cpp USES train LABELS fast)
quench_test(train_fit_test SOURCES train_fit_test.cpp graph_samples.cpp USES train LABELS fast)
quench_test(train_resume_test SOURCES train_resume_test.cpp graph_samples.cpp USES train LABELS fast)
