#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nn/operator_times.h"

namespace quench::train {

/// Where the time of training steps goes: by stage, and by operator of LibTorch.
class StepProfile {
 public:
  /// Takes up `steps` steps after the first kWarmUp; 0: none, and it costs nothing.
  explicit StepProfile(int64_t steps) : left_(steps), wanted_(steps) {}
  static constexpr int64_t kWarmUp = 3;

  /// Ends the stage before, if any. name: a literal.
  void enter(const char* name);
  /// Ends the stage: what comes until the next one is no part of a step.
  void pause();
  /// Ends a step of so many images; true where it was the last one wanted.
  bool end_step(int64_t images);
  /// Whether the run has ended before all wanted steps were there. Without any: table() has nothing to show.
  bool unfinished() const { return left_ > 0; }
  bool has_steps() const { return left_ < wanted_; }
  /// The stages in the order of a step, then the operators that took the most, with milliseconds a step and shares.
  std::string table() const;

 private:
  struct Stage {
    const char* name;
    int64_t ns = 0;
  };

  bool counts() const { return left_ > 0 && skipped_ == kWarmUp; }

  int64_t left_, wanted_, skipped_ = 0, images_ = 0;
  std::vector<Stage> stages_;
  const char* now_in_ = nullptr;
  int64_t entered_ns_ = 0;
  std::unique_ptr<nn::OperatorTimes> timing_;
  std::map<std::string, nn::OperatorTimes::Total> operators_;
};

}  // namespace quench::train
