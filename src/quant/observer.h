#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/byte_string.h"
#include "graph/graph.h"

namespace quench::quant {

class Histogram;

/// Range [low, high] of real values that the integers shall cover.
struct Range {
  float low = 0;
  float high = 0;
  bool operator==(const Range&) const = default;
};

/// Collects values of one edge (or of a group that shares a range) batch by batch, then picks a range. Gholami et al.
/// 2021, section III-B; names: minmax, moving_average, percentile, mse, entropy, aciq. How each picks:
/// docs/quantization.md.
class Observer {
 public:
  virtual ~Observer() = default;
  /// Values must be finite: Error{data}. No values: nothing happens.
  virtual void observe(std::span<const float> values) = 0;
  /// The same of values that were counted before; it ends no batch. Throws Error{config} where an observer goes by the
  /// order of batches (moving_average).
  virtual void observe(const Histogram& counted) = 0;
  /// Ends a batch: everything observed since the last call counts as one batch (moving_average alone cares).
  virtual void end_batch() {}
  /// bits and symmetric: what the range will be quantized to (mse and entropy search for that). Error{data} where
  /// nothing was observed. The range lies within the values observed, 0 included.
  virtual Range range(int bits, bool symmetric) const = 0;
  /// What was observed, for an observer of the same kind in another process.
  virtual void write(ByteWriter& out) const = 0;
  /// Adds what another has written, as if its values had been observed here after those so far: the range is then, to
  /// the bit, that of one observer which saw all batches in this order. Throws Error{data}.
  virtual void add(ByteReader& in) = 0;
  /// Parameters whose scale is a power of two (quant/power_of_two.h): those that cover the range; of the mse observer,
  /// those of the least error over all powers and zero points.
  virtual graph::QuantParams power_of_two(int bits, bool symmetric) const;
};

/// Names in order, for --observer and messages.
const std::vector<std::string>& observer_names();

/// percentile: share of values kept, e.g. 99.99 (percentile observer only). before_silu: the values are read by silu
/// alone, so mse counts the error after it (others do not care). Throws Error{config} for an unknown name.
std::unique_ptr<Observer> make_observer(const std::string& name, double percentile, bool before_silu = false);

/// Affine parameters that cover the range; the range is widened to hold 0 exactly. Asymmetric: u8. Symmetric: i8, zero
/// point 0. A degenerate range gives scale 1/2^bits-ish, never 0, never a denormal. Error{data} where the range is not
/// finite or low > high.
graph::QuantParams params_for(Range range, int bits, bool symmetric);

}  // namespace quench::quant
