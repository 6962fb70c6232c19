#include <algorithm>
#include <cmath>
#include <optional>

#include "core/error.h"
#include "quant/histogram.h"
#include "quant/observer_families.h"

namespace quench::quant {
namespace {

Range merged(const std::optional<Range>& a, Range b) {
  return a ? Range{std::min(a->low, b.low), std::max(a->high, b.high)} : b;
}

void write_range(ByteWriter& out, const std::optional<Range>& range) {
  out.number(range ? 1 : 0);
  if (!range) return;
  out.real(range->low);
  out.real(range->high);
}

std::optional<Range> read_range(ByteReader& in) {
  if (in.number() == 0) return std::nullopt;
  Range range;
  range.low = in.real_float();
  range.high = in.real_float();
  return range;
}

class MinMax final : public Observer {
 public:
  void observe(std::span<const float> values) override {
    if (!values.empty()) seen_ = merged(seen_, finite_range(values));
  }
  void observe(const Histogram& counted) override {
    if (counted.total() > 0) seen_ = merged(seen_, counted.extent());
  }
  Range range(int, bool) const override {
    if (!seen_) fail(ErrorKind::data, "[quant.observer] minmax: expected values before a range, got none");
    return *seen_;
  }
  void write(ByteWriter& out) const override { write_range(out, seen_); }
  void add(ByteReader& in) override {
    if (const std::optional<Range> other = read_range(in)) seen_ = merged(seen_, *other);
  }

 private:
  std::optional<Range> seen_;
};

class MovingAverage final : public Observer {
 public:
  void observe(std::span<const float> values) override {
    if (!values.empty()) batch_ = merged(batch_, finite_range(values));
  }
  void observe(const Histogram&) override {
    fail(ErrorKind::config, "[quant.observer] moving_average goes by the order of batches: counted values have none");
  }
  void end_batch() override {
    if (batch_) batches_.push_back(*batch_);
    batch_.reset();
  }
  Range range(int, bool) const override {
    if (const std::optional<Range> now = current()) return *now;
    fail(ErrorKind::data, "[quant.observer] moving_average: expected values before a range, got none");
  }
  void write(ByteWriter& out) const override {
    out.number(static_cast<int64_t>(batches_.size()));
    for (const Range& batch : batches_) write_range(out, batch);
    write_range(out, batch_);
  }
  void add(ByteReader& in) override {
    end_batch();
    for (int64_t left = in.count(); left > 0; --left) {
      if (const std::optional<Range> batch = read_range(in)) batches_.push_back(*batch);
    }
    batch_ = read_range(in);
  }

 private:
  static constexpr float kShare = 0.1f;

  std::optional<Range> current() const {
    std::optional<Range> average;
    const auto follow = [&](Range batch) {
      average = average
                    ? Range{std::lerp(average->low, batch.low, kShare), std::lerp(average->high, batch.high, kShare)}
                    : batch;
    };
    for (const Range& batch : batches_) follow(batch);
    if (batch_) follow(*batch_);
    return average;
  }

  std::vector<Range> batches_;  ///< that have ended: their average is no sum, so shares cannot be averaged first
  std::optional<Range> batch_;
};

}  // namespace

std::unique_ptr<Observer> minmax_observer() { return std::make_unique<MinMax>(); }
std::unique_ptr<Observer> moving_average_observer() { return std::make_unique<MovingAverage>(); }

}  // namespace quench::quant
