#include "quant/blocks.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>

#include "graph/links.h"
#include "graph/op_traits.h"
#include "graph/quantized.h"

namespace quench::quant {
namespace {

/// The first `parts` parts of a name between dots; empty for none, the whole name where it has no more.
std::string_view prefix(std::string_view name, int parts) {
  size_t end = 0;
  for (int i = 0; i < parts; ++i) {
    const size_t dot = name.find('.', i == 0 ? 0 : end + 1);
    if (dot == std::string_view::npos) return name;
    end = dot;
  }
  return name.substr(0, end);
}

class BlockSearch {
 public:
  BlockSearch(const graph::Graph& graph, size_t most_layers)
      : graph_(graph), links_(graph), most_layers_(most_layers) {}

  std::vector<Block> run() {
    if (!graph_.nodes.empty()) look(0, graph_.nodes.size() - 1, 0);
    return std::move(found_);
  }

 private:
  void look(size_t first, size_t last, int parts) {
    if (const auto block = block_at(first, last)) {
      found_.push_back(*block);
      return;
    }
    if (first == last) return;
    for (size_t i = first; i <= last;) {
      size_t end = i;
      const std::string_view own = prefix(graph_.nodes[i].name, parts + 1);
      while (end < last && prefix(graph_.nodes[end + 1].name, parts + 1) == own) ++end;
      const bool same = i == first && end == last;
      if (!same || prefix(graph_.nodes[i].name, parts + 1).size() < graph_.nodes[i].name.size())
        look(i, end, parts + 1);
      i = end + 1;
    }
  }

  std::optional<Block> block_at(size_t first, size_t last) const {
    const graph::Node& begin = graph_.nodes[first];
    if (!graph::traits(begin.op).layer) return std::nullopt;
    Block block{first, last, begin.inputs.at(0), -1, {}};
    std::set<graph::EdgeId> exits;
    for (size_t i = first; i <= last; ++i) {
      const graph::Node& node = graph_.nodes[i];
      for (const graph::EdgeId edge : node.inputs) {
        const int from = links_.producer[static_cast<size_t>(edge)];
        if ((from < static_cast<int>(first) || from > static_cast<int>(last)) && edge != block.entry)
          return std::nullopt;
      }
      for (const graph::EdgeId edge : node.outputs) {
        const auto& readers = links_.consumers[static_cast<size_t>(edge)];
        const bool out = links_.is_output[static_cast<size_t>(edge)] ||
                         std::ranges::any_of(readers, [&](int reader) { return reader > static_cast<int>(last); });
        if (out) exits.insert(edge);
      }
      if (graph::traits(node.op).layer && graph::rounds_weights(graph_, node)) block.layers.push_back(i);
    }
    if (exits.size() != 1 || block.layers.size() < 2 || block.layers.size() > most_layers_) return std::nullopt;
    if (block.layers.front() != first) return std::nullopt;
    block.exit = *exits.begin();
    return block;
  }

  const graph::Graph& graph_;
  graph::Links links_;
  size_t most_layers_;
  std::vector<Block> found_;
};

}  // namespace

std::vector<Block> blocks_of(const graph::Graph& graph, size_t most_layers) {
  return BlockSearch(graph, most_layers).run();
}

}  // namespace quench::quant
