#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "steps/step.h"
#include "train_samples.h"

namespace quench::steps {

using Chain = std::vector<methods::ChainStep>;

/// Chains over a tiny classifier, on tiny shapes, in a folder of their own.
class ChainTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() / fmt::format("quench-{}-{}", test->test_suite_name(), ::getpid());
    std::filesystem::create_directories(folder_);
    model_.graph = train::samples::tiny_classifier(24, 10);
    model_.graph.metadata["task"] = "classify";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Chain effective(const graph::Graph& start, const Chain& given) {
    return methods::effective_steps({"m", "", given}, registry_.table(), kind_of(start), Json(), "t");
  }
  /// Steps as they are: effective ones.
  graph::Graph run_steps(const graph::Graph& start, const Chain& chain) {
    graph::ModelFile model = model_;
    model.graph = start;
    return run_chain(registry_, model, chain,
                     {model, Json(), &data_, folder_ / "w", train::Resume::never, log_, cancel_});
  }

  data::Splits data_ = train::samples::tiny_shapes(24, 128, 20);
  std::filesystem::path folder_;
  graph::ModelFile model_;
  Registry registry_ = registry();
  LogSink log_{nullptr, nullptr};
  CancelToken cancel_;
};

}  // namespace quench::steps
