#pragma once

#include "data/sets/dataset.h"

namespace quench::data {

/// A data set that says what another one says, but for at().
class ForwardedSet : public Dataset {
 public:
  /// base outlives this.
  explicit ForwardedSet(const Dataset& base) : base_(base) {}

  int64_t size() const override { return base_.size(); }
  const std::vector<std::string>& classes() const override { return base_.classes(); }
  int32_t label(int64_t index) const override { return base_.label(index); }
  std::string task() const override { return base_.task(); }
  std::vector<Object> objects(int64_t index) const override { return base_.objects(index); }
  ImageInfo image(int64_t index) const override { return base_.image(index); }
  std::filesystem::path file(int64_t index) const override { return base_.file(index); }
  std::string digest() const override { return base_.digest(); }

 protected:
  const Dataset& base_;
};

}  // namespace quench::data
