#pragma once

#include <torch/types.h>

#include <string>
#include <utility>
#include <vector>

namespace quench::train {

/// Terms of a loss by name ("box_loss"): scalars, detached.
using LossParts = std::vector<std::pair<std::string, torch::Tensor>>;

/// An objective whose loss is a sum of terms that are told apart is one of these, too.
class TermsOfLoss {
 public:
  virtual ~TermsOfLoss() = default;
  /// Those of the last loss(), mean over its images as it is; the same names each time.
  virtual LossParts parts() const = 0;
};

}  // namespace quench::train
