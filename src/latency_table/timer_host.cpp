#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "latency_table/timer.h"
#include "platform/host.h"
#include "platform/layer_times.h"
#include "runtime/measure.h"
#include "runtime/native/native.h"

namespace quench::latency_table {
namespace {

class HostTimer : public Timer {
 public:
  HostTimer(int threads, const CancelToken& cancel)
      : threads_(threads), cancel_(cancel), runtime_(runtime::native_runtime()) {}

  std::string device() const override { return this_machine(); }

  size_t at_once() const override { return 1; }

  std::vector<std::vector<double>> layers(const std::vector<platform::LayerWidths>& all) override {
    platform::LayerTiming timing;
    timing.threads = threads_;
    return platform::time_layers(all, *runtime_, timing, cancel_);
  }

  double model(const graph::Graph& graph) override {
    const auto session = runtime_->load({"model", "", "", graph}, {.threads = threads_});
    const Tensor input = runtime::to_input(runtime::noise_image(graph), session->input_dtype());
    // The least of several medians, as for layers: other work on the machine only ever adds time, and what is measured
    // here decides every budget that the table is used for.
    constexpr int kRuns = 5;
    double least = std::numeric_limits<double>::infinity();
    for (int run = 0; run < kRuns; ++run) {
      const runtime::Measurement measured =
          runtime::measure(*session, input, {.min_samples = 30, .min_seconds = 0.5}, cancel_);
      least = std::min(least, static_cast<double>(measured.latency.p50_ns));
    }
    return least;
  }

 private:
  int threads_;
  const CancelToken& cancel_;
  std::unique_ptr<runtime::Runtime> runtime_;
};

}  // namespace

std::string this_machine() {
  const platform::Host host = platform::detect_host();
  return host.isa.empty() ? host.cpu : fmt::format("{} ({})", host.cpu, host.isa.back());
}

std::unique_ptr<Timer> host_timer(int threads, const CancelToken& cancel) {
  return std::make_unique<HostTimer>(threads, cancel);
}

}  // namespace quench::latency_table
