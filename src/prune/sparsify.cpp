#include "prune/sparsify.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <span>

#include "core/error.h"
#include "core/name_pattern.h"
#include "graph/op_traits.h"
#include "graph/sparse_layers.h"
#include "prune/block_order.h"
#include "prune/sparsity_pattern.h"
#include "prune/surgery.h"
#include "prune/weight_sensitivity.h"

namespace quench::prune {
namespace {

using graph::Graph;
using graph::Node;
using Kind = SparsityPattern::Kind;

/// What sparsify is asked for, checked.
struct SparsityRequest {
  SparsityPattern pattern;
  double share = 0;  ///< of zeros; unused for N:M
  bool global = false;
  std::vector<const Node*> layers;  ///< that lose weights
  std::vector<std::string> whole;   ///< layers that have too few inputs for N:M or blocks
};

int64_t inputs_of(const Graph& graph, const Node& node) {
  return graph.required_weight(node, "weight").value.shape().at(1);
}

/// Weights of a node for one input and one output channel.
int64_t kernel_size(const Graph& graph, const Node& node) {
  const Shape& shape = graph.required_weight(node, "weight").value.shape();
  return std::accumulate(shape.begin() + 2, shape.end(), int64_t{1}, std::multiplies<>());
}

double share_in(const Json& settings, const SparsityPattern& pattern) {
  const Json& share = settings.at("sparsity");
  if (pattern.kind == Kind::n_of_m) {
    if (!share.is_null()) {
      fail(ErrorKind::config, "[sparsify] expected no `sparsity` with pattern {}, which says the share itself, got {}",
           to_string(pattern), share.get<double>());
    }
    return 0;
  }
  if (share.is_null()) {
    fail(ErrorKind::config, "[sparsify] expected `sparsity`, a share in (0,1), with pattern {}, got none",
         to_string(pattern));
  }
  const double value = share.get<double>();
  if (!(value > 0 && value < 1)) {
    fail(ErrorKind::config, "[sparsify] expected `sparsity` in (0,1), got {}", value);
  }
  return value;
}

SparsityRequest sparsity_request(const Graph& graph, const Json& settings) {
  require_float(graph);
  SparsityRequest request;
  request.pattern = parse_sparsity_pattern(settings.at("pattern").get<std::string>());
  request.share = share_in(settings, request.pattern);
  request.global = settings.at("scope") == "global";
  std::vector<std::string> names;
  for (const Node& node : graph.nodes) {
    if (graph::traits(node.op).layer) names.push_back(node.name);
  }
  const std::set<std::string> kept = select_names(settings.at("protect").get<std::vector<std::string>>(), names,
                                                  "[sparsify] protect", "convolution or linear layer");
  for (const Node& node : graph.nodes) {
    if (!graph::traits(node.op).layer || kept.contains(node.name)) continue;
    const bool neighbours = request.pattern.kind == Kind::n_of_m || request.pattern.kind == Kind::block;
    if (neighbours && inputs_of(graph, node) < request.pattern.m) {
      request.whole.push_back(node.name);
    } else {
      request.layers.push_back(&node);
    }
  }
  if (request.layers.empty()) {
    fail(ErrorKind::config,
         "[sparsify] expected layers to take weights from, got none of {} ({} protected, {} with "
         "too few inputs)",
         names.size(), kept.size(), request.whole.size());
  }
  return request;
}

/// Weights that become zero together, one after another in a layer's tensor: what they are worth, and how many.
struct WeightBlock {
  float score;
  int32_t size;
};

/// A layer's weights in blocks, one after another: all of one size, or each of its own.
struct BlockedLayer {
  std::span<float> values;
  std::span<const float> scores;  ///< of each weight, none below 0; empty: its absolute value
  int64_t size = 1;
  std::vector<int32_t> sizes = {};

  float score(size_t at) const { return scores.empty() ? std::abs(values[at]) : scores[at]; }
};

std::vector<WeightBlock> blocks_of(const BlockedLayer& layer) {
  std::vector<WeightBlock> blocks;
  blocks.reserve(layer.sizes.empty() ? layer.values.size() / static_cast<size_t>(layer.size) : layer.sizes.size());
  for (size_t first = 0; first < layer.values.size();) {
    const int64_t size = layer.sizes.empty() ? layer.size : layer.sizes[blocks.size()];
    double sum = 0;
    for (size_t i = first; i < first + static_cast<size_t>(size); ++i) sum += layer.score(i);
    blocks.push_back({static_cast<float>(sum / static_cast<double>(size)), static_cast<int32_t>(size)});
    first += static_cast<size_t>(size);
  }
  return blocks;
}

void zero_below(std::span<float> values, const std::vector<WeightBlock>& blocks, float threshold, int64_t& left) {
  size_t first = 0;
  for (const WeightBlock& block : blocks) {
    const auto size = static_cast<size_t>(block.size);
    const bool tied = block.score == threshold && block.size <= left;
    if (tied) left -= block.size;
    if (block.score < threshold || tied) std::ranges::fill(values.subspan(first, size), 0.0f);
    first += size;
  }
}

/// Zeros `share` of the weights of layers that compete: the blocks of the smallest scores.
void zero_smallest(std::span<const BlockedLayer> layers, double share) {
  std::vector<std::vector<WeightBlock>> blocks;
  std::vector<WeightBlock> order;
  for (const BlockedLayer& layer : layers) {
    blocks.push_back(blocks_of(layer));
    order.insert(order.end(), blocks.back().begin(), blocks.back().end());
  }
  const int64_t weights = std::accumulate(order.begin(), order.end(), int64_t{0},
                                          [](int64_t sum, const WeightBlock& block) { return sum + block.size; });
  int64_t left = std::llround(share * static_cast<double>(weights));
  std::ranges::sort(order, {}, &WeightBlock::score);
  float threshold = 0;  // of the first block that does not go with all that are as small
  for (size_t first = 0; first < order.size();) {
    threshold = order[first].score;
    size_t end = first;
    int64_t equal = 0;
    while (end < order.size() && order[end].score == threshold) equal += order[end++].size;
    if (equal > left) break;
    left -= equal;
    first = end;
    threshold = std::numeric_limits<float>::infinity();
  }
  for (size_t i = 0; i < layers.size(); ++i) zero_below(layers[i].values, blocks[i], threshold, left);
}

/// Keeps the `n` largest of every `m` along axis 1 of [O, I, k].
void keep_n_of_m(const BlockedLayer& layer, int64_t inputs, int64_t kernel, const SparsityPattern& pattern) {
  const int64_t outputs = static_cast<int64_t>(layer.values.size()) / (inputs * kernel);
  std::vector<size_t> group;
  for (int64_t o = 0; o < outputs; ++o) {
    for (int64_t k = 0; k < kernel; ++k) {
      for (int64_t first = 0; first < inputs; first += pattern.m) {
        group.clear();
        for (int64_t i = first; i < std::min(first + pattern.m, inputs); ++i) {
          group.push_back(static_cast<size_t>((o * inputs + i) * kernel + k));
        }
        std::ranges::stable_sort(group, std::greater<>(), [&](size_t at) { return layer.score(at); });
        for (size_t i = static_cast<size_t>(pattern.n); i < group.size(); ++i) layer.values[group[i]] = 0;
      }
    }
  }
}

std::span<float> finite_weights(Graph& graph, const Node& node) {
  const auto values = graph.weight(node, "weight")->value.mutable_values<float>();
  if (!std::ranges::all_of(values, [](float w) { return std::isfinite(w); })) {
    fail(ErrorKind::data, "[sparsify] expected finite weights, got others ({})", node.name);
  }
  return values;
}

BlockOrder block_order(const Graph& graph, const Node& node, const SparsityPattern& pattern) {
  const auto* conv = std::get_if<graph::ConvAttributes>(&node.attributes);
  const int64_t outputs = graph.required_weight(node, "weight").value.shape().at(0);
  return {outputs, inputs_of(graph, node), kernel_size(graph, node), conv ? conv->groups : 1, pattern};
}

/// Scores of the weights of each layer; of magnitude none: the weights are their own.
std::vector<std::vector<float>> weight_scores(const Graph& graph, const SparsityRequest& request, const Json& settings,
                                              const ShowImages& show_images, Json& told) {
  std::vector<std::vector<float>> scores(request.layers.size());
  if (settings.at("criterion") == "magnitude") return scores;
  std::vector<std::string> names;
  for (const Node* node : request.layers) names.push_back(node->name + ".weight");
  WeightSensitivity sensitivity(graph, names, settings.at("calibration_batch").get<int64_t>());
  told = show_images(sensitivity);
  for (size_t i = 0; i < names.size(); ++i) scores[i] = sensitivity.scores(names[i]);
  return scores;
}

/// weights: of the request's layers.
void zero_smallest(const Graph& graph, const SparsityRequest& request, const std::vector<std::span<float>>& weights,
                   std::vector<std::vector<float>> scores) {
  std::vector<BlockedLayer> layers;
  std::vector<BlockOrder> orders;
  std::vector<std::vector<float>> in_blocks;
  in_blocks.reserve(request.layers.size());  // layers refer to them
  for (size_t i = 0; i < request.layers.size(); ++i) {
    const Node& node = *request.layers[i];
    BlockedLayer& layer = layers.emplace_back(weights[i], scores[i]);
    if (request.pattern.kind == Kind::kernel) layer.size = kernel_size(graph, node);
    if (request.pattern.kind != Kind::block) continue;
    const BlockOrder& order = orders.emplace_back(block_order(graph, node, request.pattern));
    in_blocks.push_back(order.in_blocks(layer.values));
    if (!scores[i].empty()) scores[i] = order.in_blocks(scores[i]);
    layer = {in_blocks.back(), scores[i], 1, order.sizes()};
  }
  if (request.pattern.kind == Kind::n_of_m) {
    for (size_t i = 0; i < layers.size(); ++i) {
      const Node& node = *request.layers[i];
      keep_n_of_m(layers[i], inputs_of(graph, node), kernel_size(graph, node), request.pattern);
    }
  } else if (request.global) {
    zero_smallest(layers, request.share);
  } else {
    for (const BlockedLayer& layer : layers) zero_smallest(std::span(&layer, 1), request.share);
  }
  for (size_t i = 0; i < orders.size(); ++i) orders[i].restore(in_blocks[i], weights[i]);
}

}  // namespace

Graph sparsify(const Graph& graph, const Json& settings, const LogSink& log, const ShowImages& show_images) {
  const SparsityRequest request = sparsity_request(graph, settings);
  const std::string criterion = settings.at("criterion");
  if (criterion != "magnitude" && !show_images) {
    fail(ErrorKind::config, "[sparsify] criterion {} expected images to look at, got no data", criterion);
  }
  Graph out = graph;
  std::vector<std::span<float>> layer_weights;
  for (const Node* node : request.layers) layer_weights.push_back(finite_weights(out, *node));
  Json told = Json::object();
  zero_smallest(graph, request, layer_weights, weight_scores(graph, request, settings, show_images, told));
  if (criterion != "magnitude") {
    told["criterion"] = criterion;
    out.metadata["sparse_criterion"] = told.dump();
  }
  graph::SparseLayers sparse = graph::sparse_layers(graph);
  std::vector<std::string> dead;
  int64_t weights = 0, zeros = 0;
  for (const Node* node : request.layers) {
    const auto values = out.required_weight(*node, "weight").value.values<float>();
    const auto of_layer = std::ranges::count(values, 0.0f);
    sparse[node->name] = {to_string(request.pattern),
                          static_cast<double>(of_layer) / static_cast<double>(values.size())};
    if (of_layer == static_cast<int64_t>(values.size())) dead.push_back(node->name);
    weights += static_cast<int64_t>(values.size());
    zeros += of_layer;
  }
  if (zeros == weights) {
    fail(ErrorKind::config, "[sparsify] expected a share that leaves weights, got one that takes all {} of {} layers",
         weights, request.layers.size());
  }
  graph::set_sparse_layers(out, sparse);
  log.info(fmt::format(
      "sparsified ({}): {} of {} weights of {} layers are zero ({:.1f} %){}", to_string(request.pattern), zeros,
      weights, request.layers.size(), 100 * static_cast<double>(zeros) / static_cast<double>(weights),
      request.whole.empty() ? "" : fmt::format("; too few inputs, kept whole: {}", fmt::join(request.whole, ", "))));
  if (zeros == 0) log.warning("sparsify: the share is too small to take a single weight or block");
  if (!dead.empty()) {
    log.warning(fmt::format("sparsify: no weight is left in {} (`protect` and `scope: layer` keep some)",
                            fmt::join(dead, ", ")));
  }
  return out;
}

void check_sparsify(const Graph& graph, const Json& settings) { sparsity_request(graph, settings); }

}  // namespace quench::prune
