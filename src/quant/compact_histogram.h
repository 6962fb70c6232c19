#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "quant/histogram.h"

namespace quench::quant {

/// What a Histogram has counted, in few bytes: of each bin that is not empty its distance to the one before and its
/// count, seven bits a byte (LEB128). Of one image some hundred to some thousand bins are not empty, mostly next to one
/// another and with small counts: about two bytes a bin, where a Histogram has eight for each of its 4096.
class CompactHistogram {
 public:
  explicit CompactHistogram(const Histogram& histogram);

  /// The histogram gets what was counted: merging is exact, whatever the order.
  void add_to(Histogram& histogram) const;
  Range extent() const { return extent_; }
  /// Mean and standard deviation of the values, each at the centre of its bin.
  struct Moments {
    double mean = 0, deviation = 0;
  };
  Moments moments() const;
  /// Of memory.
  size_t bytes() const { return sizeof(*this) + packed_.capacity(); }

 private:
  std::vector<Histogram::BinCount> bins() const;

  int exponent_ = 0;
  Range extent_;
  std::vector<uint8_t> packed_;
};

}  // namespace quench::quant
