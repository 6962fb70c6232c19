#pragma once

#include "quant/histogram.h"
#include "quant/observer.h"

namespace quench::quant {

/// What observers share that choose a range from the counts of all values. Counts of two observers add up to those of
/// one that saw all values, to the bit, in any order.
class HistogramObserver : public Observer {
 public:
  void observe(std::span<const float> values) override { histogram_.add(values); }
  void observe(const Histogram& counted) override { histogram_.add(counted); }
  void write(ByteWriter& out) const override { write_histogram(out, histogram_); }
  void add(ByteReader& in) override { add_histogram(in, histogram_); }

 protected:
  Histogram histogram_;
};

}  // namespace quench::quant
