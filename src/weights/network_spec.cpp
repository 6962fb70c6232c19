#include "weights/network_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>

#include "graph/links.h"
#include "graph/op_traits.h"
#include "models/scaled.h"
#include "models/yolov5u.h"
#include "weights/heads.h"

namespace quench::weights {
namespace {

using graph::Graph;
using graph::Node;
using graph::Op;

constexpr size_t kStages = 4;
constexpr int64_t kChannelMultiple = 8;
constexpr std::array<int64_t, kStages> kStageChannels{128, 256, 512, 1024};

/// What tells a member of the families: channels and repeats of the backbone's stages.
struct Backbone {
  int64_t kernel = 0, first = 0;  ///< of the first convolution: its kernel and channels
  std::array<int64_t, kStages> channels{};
  std::array<int64_t, kStages> repeats{};
  bool classifies = false;
};

std::optional<Backbone> backbone_of(const Graph& network) {
  Backbone out;
  size_t stages = 0;
  for (const Node& node : network.nodes) {
    if (node.op == Op::linear) out.classifies = true;
    if (node.op == Op::add && stages > 0) ++out.repeats[std::min(stages, kStages) - 1];
    if (node.op != Op::conv) continue;
    const auto& a = node.as<graph::ConvAttributes>();
    const int64_t channels = network.required_weight(node, "weight").value.shape()[0];
    if (out.kernel == 0) {
      out.kernel = a.kernel[0];
      out.first = channels;
    } else if (a.kernel[0] == 3 && a.stride[0] == 2 && a.groups == 1 && stages++ < kStages) {
      out.channels[stages - 1] = channels;
    }
  }
  return stages >= kStages ? std::optional(out) : std::nullopt;
}

/// Numbers in (low, high].
struct Interval {
  double low = models::kLeastMultiplier / 2, high = models::kMostMultiplier;
  void narrow(double from, double to) {
    low = std::max(low, from);
    high = std::min(high, to);
  }
  bool holds(double value) const { return value > low && value <= high; }
  /// A published one, else that of the fewest digits; none where the interval is empty.
  std::optional<double> shortest(std::initializer_list<double> published) const {
    for (const double value : published) {
      if (holds(value)) return value;
    }
    double scale = 10;
    for (int digits = 1; digits <= 6; ++digits, scale *= 10) {
      const double value = std::round((std::floor(low * scale + 1e-6) + 1)) / scale;
      if (holds(value)) return value;
    }
    return std::nullopt;
  }
};

/// The spec of a family ("yolov8", "yolov5-cls") whose channels and repeats these are.
std::optional<models::Spec> scaled(const Backbone& backbone, const std::string& family,
                                   const std::array<int64_t, kStages>& base_repeats) {
  Interval depth, width;
  for (size_t i = 0; i < kStages; ++i) {
    const auto base = static_cast<double>(base_repeats[i]), count = static_cast<double>(backbone.repeats[i]);
    depth.narrow(count == 1 ? 0 : (count - 0.5) / base + 1e-9, (count + 0.5) / base - 1e-9);
  }
  const std::optional<double> d = depth.shortest({0.33, 0.67, 1, 1.33});
  if (!d) return std::nullopt;
  const int64_t most = models::spec(fmt::format("{}:d{}w1", family, *d)).max_channels;
  const auto narrow = [&](int64_t channels, int64_t base) {
    const auto capped = static_cast<double>(std::min(base, most));
    width.narrow(static_cast<double>(channels - kChannelMultiple) / capped + 1e-9,
                 static_cast<double>(channels) / capped);
  };
  narrow(backbone.first, 64);
  for (size_t i = 0; i < kStages; ++i) narrow(backbone.channels[i], kStageChannels[i]);
  const std::optional<double> w = width.shortest({0.25, 0.5, 0.75, 1, 1.25});
  if (!w || *w < models::kLeastMultiplier || *d < models::kLeastMultiplier) return std::nullopt;
  return models::spec(fmt::format("{}:d{}w{}", family, *d, *w));
}

}  // namespace

std::vector<graph::EdgeId> raw_heads(const Graph& network) {
  const graph::Links links(network);
  std::set<graph::EdgeId> heads, seen;
  std::vector<graph::EdgeId> open = network.outputs;
  while (!open.empty()) {
    const graph::EdgeId edge = open.back();
    open.pop_back();
    if (!seen.insert(edge).second || links.producer[edge] < 0) continue;
    const Node& maker = network.nodes[links.producer[edge]];
    if (graph::traits(maker.op).layer) {
      heads.insert(edge);
    } else {
      open.insert(open.end(), maker.inputs.begin(), maker.inputs.end());
    }
  }
  return {heads.begin(), heads.end()};
}

std::vector<models::Spec> candidate_specs(const Graph& network) {
  const std::optional<Backbone> backbone = backbone_of(network);
  if (!backbone || (backbone->kernel != 3 && backbone->kernel != 6)) return {};
  const bool is_v5 = backbone->kernel == 6;
  const std::string family = is_v5 ? "yolov5" : "yolov8";
  std::vector<models::Spec> out;
  for (const std::string& name : models::names()) {
    models::Spec spec = models::spec(name);
    const double width = static_cast<double>(backbone->first) / 64;
    const double repeats = std::max(1.0, std::nearbyint(3 * spec.depth));
    if (spec.family == family && head_of(spec.task).strides != backbone->classifies &&
        std::abs(width - spec.width) < 0.13 && repeats == static_cast<double>(backbone->repeats[0])) {
      out.push_back(std::move(spec));
    }
  }
  const std::array<int64_t, kStages> repeats =
      is_v5 ? std::array<int64_t, kStages>{3, 6, 9, 3} : std::array<int64_t, kStages>{3, 6, 6, 3};
  if (auto other = scaled(*backbone, family + (backbone->classifies ? "-cls" : ""), repeats)) out.push_back(*other);
  if (is_v5 && !backbone->classifies) {
    const size_t count = out.size();
    for (size_t i = 0; i < count; ++i) out.push_back(models::yolov5u(out[i]));
  }
  return out;
}

}  // namespace quench::weights
