#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace quench::nn {

/// While alive, times what LibTorch's operators take that this thread runs, forward and backward. One at a time.
class OperatorTimes {
 public:
  struct Total {
    int64_t calls = 0;
    int64_t ns = 0;  ///< without the operators that it calls
  };

  OperatorTimes();
  ~OperatorTimes();
  OperatorTimes(const OperatorTimes&) = delete;
  OperatorTimes& operator=(const OperatorTimes&) = delete;

  /// So far, by the operator's name ("aten::cat"; of a gradient: "ConvolutionBackward0").
  const std::map<std::string, Total>& totals() const { return totals_; }

 private:
  std::map<std::string, Total> totals_;
  uint64_t handle_;
};

}  // namespace quench::nn
