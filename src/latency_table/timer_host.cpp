#include <fmt/format.h>

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
    const runtime::Measurement measured =
        runtime::measure(*session, input, {.min_samples = 50, .min_seconds = 2}, cancel_);
    return static_cast<double>(measured.latency.p50_ns);
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
