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
    average_ = current();
    batch_.reset();
  }
  Range range(int, bool) const override {
    if (const std::optional<Range> now = current()) return *now;
    fail(ErrorKind::data, "[quant.observer] moving_average: expected values before a range, got none");
  }

 private:
  static constexpr float kShare = 0.1f;

  std::optional<Range> current() const {
    if (!batch_) return average_;
    if (!average_) return batch_;
    return Range{std::lerp(average_->low, batch_->low, kShare), std::lerp(average_->high, batch_->high, kShare)};
  }

  std::optional<Range> average_;
  std::optional<Range> batch_;
};

}  // namespace

std::unique_ptr<Observer> minmax_observer() { return std::make_unique<MinMax>(); }
std::unique_ptr<Observer> moving_average_observer() { return std::make_unique<MovingAverage>(); }

}  // namespace quench::quant
