#include "platform/layer_times.h"

#include <algorithm>
#include <limits>
#include <map>

#include "core/clock.h"
#include "core/error.h"
#include "runtime/measure.h"

namespace quench::platform {
namespace {

constexpr int64_t kMostChannels = 65536;
constexpr size_t kMostLayers = 100000;
constexpr size_t kInTurn = 8;  ///< entries whose rounds alternate

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

int64_t channels(const Json& value, const std::string& where) {
  if (!value.is_number_integer() || value.get<int64_t>() < 1 || value.get<int64_t>() > kMostChannels) {
    fail(ErrorKind::data, "{}: expected channels of 1 to {}, got {}", where, kMostChannels, value.dump());
  }
  return value.get<int64_t>();
}

/// One session with layers to be timed.
class Timed {
 public:
  Timed(const LayerWidths& layers, const runtime::Runtime& runtime, const LayerTiming& timing)
      : count_(layers.out.size()) {
    graph::ModelFile model{"layers", "", "", layer_graph(layers)};
    session_ = runtime.load(model, {.threads = timing.threads, .profile_path = "", .isa = "", .layer_times = true});
    input_ = runtime::to_input(runtime::noise_image(model.graph), session_->input_dtype());
    const int64_t start = now_ns();
    session_->run(input_);
    run_seconds_ = seconds_since(start);
    if (session_->layer_times().empty()) {
      fail(ErrorKind::config, "[platform] expected a runtime that times its layers, got {}", runtime.name());
    }
  }

  /// Medians over the runs of a round.
  std::vector<double> round(const LayerTiming& timing, const CancelToken& cancel) {
    const auto fits = static_cast<int>(std::min(timing.round_seconds / std::max(run_seconds_, 1e-7), 1e6));
    const int runs = std::clamp(fits, timing.min_runs, timing.max_runs);
    std::vector<std::vector<double>> times(count_);
    for (int run = 0; run < runs; ++run) {
      cancel.check();
      session_->run(input_);
      const std::vector<double> now = latest();
      for (size_t i = 0; i < count_; ++i) times[i].push_back(now[i]);
    }
    std::vector<double> out;
    for (std::vector<double>& of_layer : times) out.push_back(median(std::move(of_layer)));
    return out;
  }

 private:
  /// All that the engine did for each layer in the latest run.
  std::vector<double> latest() const {
    std::map<std::string, double> by_name;
    for (const runtime::LayerTime& layer : session_->layer_times()) {
      by_name[layer.layer] += static_cast<double>(layer.time_ns);
    }
    std::vector<double> out;
    for (size_t i = 0; i < count_; ++i) out.push_back(by_name[timed_node(i)]);
    return out;
  }

  size_t count_;
  std::unique_ptr<runtime::Session> session_;
  Tensor input_;
  double run_seconds_ = 0;
};

}  // namespace

std::vector<std::vector<double>> time_layers(const std::vector<LayerWidths>& all, const runtime::Runtime& runtime,
                                             const LayerTiming& timing, const CancelToken& cancel,
                                             const std::function<void(size_t)>& told) {
  std::vector<std::vector<double>> best;
  for (size_t begin = 0; begin < all.size(); begin += kInTurn) {
    std::vector<Timed> now;
    for (size_t i = begin; i < std::min(all.size(), begin + kInTurn); ++i) {
      cancel.check();
      now.emplace_back(all[i], runtime, timing);
      best.emplace_back(all[i].out.size(), std::numeric_limits<double>::infinity());
    }
    for (int round = 0; round < std::max(1, timing.rounds); ++round) {
      for (size_t i = 0; i < now.size(); ++i) {
        const std::vector<double> times = now[i].round(timing, cancel);
        std::vector<double>& least = best[begin + i];
        for (size_t k = 0; k < times.size(); ++k) least[k] = std::min(least[k], times[k]);
      }
    }
    if (told) told(best.size());
  }
  return best;
}

Json to_json(const std::vector<LayerWidths>& all) {
  Json list = Json::array();
  for (const LayerWidths& layers : all) {
    list.push_back({{"shape", metrics::to_json(layers.shape)}, {"in", layers.in}, {"out", layers.out}});
  }
  return list;
}

std::vector<LayerWidths> layer_widths_from(const Json& json, const std::string& where) {
  if (!json.is_array() || json.size() > kMostLayers) {
    fail(ErrorKind::data, "{}: expected a list of at most {} layers", where, kMostLayers);
  }
  std::vector<LayerWidths> all;
  for (const Json& entry : json) {
    if (!entry.is_object() || !entry.value("out", Json()).is_array()) {
      fail(ErrorKind::data, "{}: expected maps of shape, in and out", where);
    }
    LayerWidths layers{
        metrics::layer_shape_from(entry.value("shape", Json()), where), channels(entry.value("in", Json()), where), {}};
    for (const Json& out : entry["out"]) layers.out.push_back(channels(out, where));
    if (layers.out.empty() || (!layers.shape.mixes() && layers.out != std::vector{layers.in})) {
      fail(ErrorKind::data, "{}: expected output channels that the layer can have", where);
    }
    all.push_back(std::move(layers));
  }
  return all;
}

}  // namespace quench::platform
