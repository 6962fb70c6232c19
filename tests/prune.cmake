quench_test(prune_test SOURCES prune_groups_test.cpp prune_counts_test.cpp prune_group_costs_test.cpp prune_group_drawing_test.cpp prune_selection_test.cpp prune_weight_scores_test.cpp
            prune_image_scores_test.cpp prune_latency_test.cpp prune_prune_test.cpp prune_sparsify_test.cpp
            USES prune models metrics graph_samples LABELS fast)
quench_test(prune_surgery_test SOURCES prune_surgery_test.cpp prune_split_test.cpp random_graphs.cpp
            USES prune models metrics runtime graph_samples reference_executor)
