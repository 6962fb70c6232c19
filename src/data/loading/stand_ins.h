#pragma once

#include <optional>
#include <span>

#include "data/loading/left_out.h"
#include "data/sets/dataset.h"

namespace quench::data {

/// A data set to train on, in which the next image that can be read stands in for one that cannot, so that batches keep
/// their size. A pure function of (data set, pool, index): the same in every epoch and thread.
class StandIns : public Dataset {
 public:
  /// All three outlive this. pool: the indices that are trained on, from which stand-ins are taken; empty: all.
  StandIns(const Dataset& base, std::span<const int64_t> pool, LeftOut& left_out)
      : base_(base), pool_(pool), left_out_(left_out) {}

  int64_t size() const override { return base_.size(); }
  const std::vector<std::string>& classes() const override { return base_.classes(); }
  int32_t label(int64_t index) const override { return base_.label(index); }
  std::string task() const override { return base_.task(); }
  std::vector<Object> objects(int64_t index) const override { return base_.objects(index); }
  ImageInfo image(int64_t index) const override { return base_.image(index); }
  std::filesystem::path file(int64_t index) const override { return base_.file(index); }
  /// The image, or its stand-in with the label and objects of that. Throws Error{data} where none can be read.
  Sample at(int64_t index) const override;
  std::string digest() const override { return base_.digest(); }

 private:
  const Dataset& base_;
  std::span<const int64_t> pool_;
  LeftOut& left_out_;
};

/// Reads image `index`; where it cannot be read, notes it and returns nothing. Other errors than Error{data} pass.
std::optional<Sample> read_or_note(const Dataset& dataset, int64_t index, LeftOut& left_out);

/// The first image of a data set that can be read. Throws Error{data} where there is none.
Sample first_sample(const Dataset& dataset);

}  // namespace quench::data
