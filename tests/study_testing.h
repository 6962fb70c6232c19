#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "config/yaml.h"
#include "inference/registry.h"
#include "study/run.h"

namespace quench::study {

/// A folder of its own, all runtimes and steps, and small studies.
class StudyTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / fmt::format("quench-study-{}", ::getpid());
    std::filesystem::remove_all(folder_);
    registry_ = inference::full_registry();
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static StudyFile tiny(const std::string& methods, const std::string& extra = "",
                        const methods::StepTable& steps = methods::step_table(),
                        const std::string& data = "{data: shapes, train_limit: 256, test_limit: 100}") {
    return check_study(config::parse_yaml("study: tiny\ndata: " + data +
                                              "\nimgsz: 32\n"
                                              "models: [yolov5n-cls]\ntrain: {epochs: 1, batch: 32}\n"
                                              "runtimes: [torch]\nbench: {min_samples: 5, min_seconds: 0}\nmethods: " +
                                              methods + "\n" + extra,
                                          "t"),
                       "t", steps);
  }
  RunContext context() { return {folder_, "/nonexistent", "test", &registry_, &steps_, &log_, &cancel_}; }
  int64_t count_messages(const std::string& end) const {
    return std::ranges::count_if(messages_, [&](const std::string& text) { return text.ends_with(end); });
  }

  std::filesystem::path folder_;
  runtime::Registry registry_;
  steps::Registry steps_ = steps::registry();
  std::vector<std::string> messages_;
  LogSink log_{[this](LogLevel, std::string_view text) { messages_.emplace_back(text); }, nullptr};
  CancelToken cancel_;
};

}  // namespace quench::study
