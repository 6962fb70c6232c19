quench_test(data_augment_test SOURCES data_augment_test.cpp USES data LABELS fast)
quench_test(data_classes_test SOURCES data_classes_test.cpp USES data LABELS fast)
quench_test(data_coco_test SOURCES data_coco_test.cpp USES data LABELS fast NEEDS coco128 "Coco128.*")
quench_test(data_dataset_test SOURCES data_dataset_test.cpp USES data LABELS fast)
quench_test(data_detect_augment_test SOURCES data_detect_augment_test.cpp USES data LABELS fast)
quench_test(data_detect_loader_test SOURCES data_detect_loader_test.cpp USES data LABELS fast)
quench_test(data_image_size_test SOURCES data_image_size_test.cpp USES data LABELS fast)
quench_test(data_index_test SOURCES data_index_test.cpp USES data LABELS fast)
quench_test(data_labels_test SOURCES data_labels_test.cpp USES data LABELS fast)
quench_test(data_layouts_test SOURCES data_layouts_test.cpp USES data LABELS fast)
quench_test(data_letterbox_test SOURCES data_letterbox_test.cpp USES data LABELS fast
            NEEDS golden_figures "Letterbox.GoldenInputMean")
quench_test(data_loader_test SOURCES data_loader_test.cpp USES data LABELS fast)
quench_test(data_scenes_test SOURCES data_scenes_test.cpp USES data LABELS fast NEEDS cifar100 "RealScenes.*")
quench_test(data_shards_test SOURCES data_shards_test.cpp USES data LABELS fast)
quench_test(data_sets_test SOURCES data_sets_test.cpp USES data LABELS data
            NEEDS cifar100 "RealSets.Cifar100" cifar10 "RealSets.Cifar10" fashion_mnist "RealSets.FashionMnist")
quench_test(data_yolo_folder_test SOURCES data_yolo_folder_test.cpp USES data LABELS fast NEEDS coco128 "Coco128.*")
quench_test(data_source_test SOURCES data_draw_boxes_test.cpp data_image_source_test.cpp USES data LABELS fast
            NEEDS videoio "ImageSource.SaysWhatIsMissing:Video.An*:Video.Damaged*:Video/VideoFormat.*"
                  no_videoio "Video.WithoutVideoioItSaysSo")
