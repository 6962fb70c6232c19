#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "quant/observer.h"

namespace quench::quant {

/// Smallest and largest of values, a zero without its sign. Throws Error{data} where one is not finite. values must not
/// be empty.
Range finite_range(std::span<const float> values);

/// Counts of values in bins of equal width that grows with the data.
///
/// Bin i holds [i * width, (i + 1) * width). width is a power of two, the smallest with which at most kMaxBins bins
/// cover 0 and all values; where later values lie further out, width doubles and bins merge in pairs. So 0 is always a
/// bin's edge, values that are not degenerate fill between kMaxBins / 2 and kMaxBins bins, and the result does not
/// depend on how values are ordered or cut into batches.
class Histogram {
 public:
  static constexpr int64_t kMaxBins = 4096;

  /// Throws Error{data} where a value is not finite.
  void add(std::span<const float> values);

  /// Adds what another has counted: the result is that of all values, to the bit.
  void add(const Histogram& other);

  /// Some values that fell into one bin.
  struct BinCount {
    int64_t bin = 0, count = 0;
  };
  /// Adds what was counted in bins of a width of 2^exponent, as exponent() of the histogram that counted it, of values
  /// that reach to both ends of `extent`.
  void add(int exponent, Range extent, std::span<const BinCount> bins);

  /// Values counted.
  int64_t total() const { return total_; }
  /// Smallest and largest value seen.
  Range extent() const { return extent_; }
  float width() const;
  /// width() = 2^exponent().
  int exponent() const { return exponent_; }
  /// Index of the first bin of counts(); <= 0.
  int64_t first() const { return first_; }
  /// Counts of the bins first() .. first() + counts().size() - 1; they cover 0 and every value.
  const std::vector<int64_t>& counts() const { return counts_; }
  /// Counts of |x| in bins 0, 1, ...: bin i < 0 of x is bin -i - 1 of |x|.
  std::vector<int64_t> folded() const;

 private:
  void cover(Range range);
  void widen(Range extent);

  int exponent_ = 0;
  int64_t first_ = 0;
  int64_t total_ = 0;
  Range extent_;
  std::vector<int64_t> counts_;
};

/// What it has counted, for another process: of each bin that is not empty its distance to the one before and its
/// count.
void write_histogram(ByteWriter& out, const Histogram& histogram);
/// Adds that: exact, whatever the order (Histogram::add). Throws Error{data}.
void add_histogram(ByteReader& in, Histogram& histogram);

}  // namespace quench::quant
