#pragma once

#include <optional>
#include <span>

#include "data/loading/forwarded_set.h"
#include "data/loading/left_out.h"

namespace quench::data {

/// A data set to train on, in which the next image that can be read stands in for one that cannot, so that batches keep
/// their size. A pure function of (data set, pool, index): the same in every epoch and thread.
class StandIns : public ForwardedSet {
 public:
  /// All three outlive this. pool: the indices that are trained on, from which stand-ins are taken; empty: all.
  StandIns(const Dataset& base, std::span<const int64_t> pool, LeftOut& left_out)
      : ForwardedSet(base), pool_(pool), left_out_(left_out) {}

  /// The image, or its stand-in with the label and objects of that. Throws Error{data} where none can be read.
  Sample at(int64_t index) const override;

 private:
  std::span<const int64_t> pool_;
  LeftOut& left_out_;
};

/// Reads image `index`; where it cannot be read, notes it and returns nothing. Other errors than Error{data} pass.
std::optional<Sample> read_or_note(const Dataset& dataset, int64_t index, LeftOut& left_out);

/// The first image of a data set that can be read. Throws Error{data} where there is none.
Sample first_sample(const Dataset& dataset);

}  // namespace quench::data
