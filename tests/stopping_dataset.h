#pragma once

#include <atomic>
#include <memory>

#include "core/cancel.h"
#include "data/sets/dataset.h"

namespace quench::train::samples {

/// Cancels when its image number `left` is read: a stop in the middle of an epoch.
class StoppingDataset : public data::Dataset {
 public:
  StoppingDataset(std::shared_ptr<const data::Dataset> inner, CancelToken& cancel, int64_t left)
      : inner_(std::move(inner)), cancel_(cancel), left_(left) {}
  int64_t size() const override { return inner_->size(); }
  const std::vector<std::string>& classes() const override { return inner_->classes(); }
  int32_t label(int64_t index) const override { return inner_->label(index); }
  std::string digest() const override { return inner_->digest(); }
  data::Sample at(int64_t index) const override {
    if (--left_ == 0) cancel_.cancel();
    return inner_->at(index);
  }

 private:
  std::shared_ptr<const data::Dataset> inner_;
  CancelToken& cancel_;
  mutable std::atomic<int64_t> left_;
};

}  // namespace quench::train::samples
