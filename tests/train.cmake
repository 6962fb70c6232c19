quench_test(train_recent_speed_test SOURCES train_recent_speed_test.cpp USES train LABELS fast)
quench_test(train_verdict_test SOURCES train_verdict_test.cpp USES train LABELS fast)
quench_test(train_checkpoint_test SOURCES train_checkpoint_test.cpp graph_samples.cpp USES train LABELS fast)
quench_test(train_optimizer_test TORCH SOURCES train_optimizer_test.cpp graph_samples.cpp USES train LABELS fast)
quench_test(train_fit_test SOURCES train_fit_test.cpp graph_samples.cpp USES train LABELS fast)
quench_test(train_sparsity_test SOURCES train_sparsity_test.cpp graph_samples.cpp USES train LABELS fast)
quench_test(train_resume_test SOURCES train_resume_test.cpp graph_samples.cpp USES train LABELS fast)
quench_test(train_detect_loss_test TORCH
  SOURCES train_detect_loss_test.cpp train_yolov5_loss_test.cpp train_yolov8_loss_test.cpp USES train LABELS fast)
quench_test(train_auto_anchor_test SOURCES train_auto_anchor_test.cpp USES train LABELS fast)
quench_test(train_detect_golden_test SOURCES train_detect_golden_test.cpp USES train weights LABELS data)
quench_test(train_distill_test TORCH
  SOURCES train_distill_test.cpp train_distill_losses_test.cpp graph_samples.cpp USES train LABELS fast)
quench_test(train_qat_test TORCH SOURCES train_qat_test.cpp graph_samples.cpp USES train quant LABELS fast)
