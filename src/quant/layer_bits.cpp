#include "quant/layer_bits.h"

#include <set>
#include <string_view>

#include "core/error.h"
#include "core/name_pattern.h"

namespace quench::quant {
namespace {

[[noreturn]] void wrong(const std::string& entry) {
  fail(ErrorKind::config,
       "[quant.placement] layer_bits: expected NAME=w4, NAME=a6 or NAME=w4a6 of 2 to 8 bits, got '{}'", entry);
}

struct Widths {
  std::optional<int> weights, activations;
};

Widths widths_of(std::string_view text, const std::string& entry) {
  Widths widths;
  const auto take = [&](char letter, std::optional<int>& width) {
    if (!text.starts_with(letter)) return;
    if (text.size() < 2 || text[1] < '2' || text[1] > '8') wrong(entry);
    width = text[1] - '0';
    text.remove_prefix(2);
  };
  take('w', widths.weights);
  take('a', widths.activations);
  if (!text.empty() || (!widths.weights && !widths.activations)) wrong(entry);
  return widths;
}

}  // namespace

std::vector<LayerBits> layer_bits(const std::vector<std::string>& list, const std::vector<std::string>& names,
                                  int weights) {
  std::vector<LayerBits> bits(names.size(), {weights, std::nullopt, false});
  for (const std::string& entry : list) {
    const size_t equals = entry.rfind('=');
    if (equals == std::string::npos || equals == 0) wrong(entry);
    const Widths widths = widths_of(std::string_view(entry).substr(equals + 1), entry);
    const std::set<std::string> matched =
        select_names({entry.substr(0, equals)}, names, "[quant.placement] layer_bits", "convolution or linear layer");
    for (size_t i = 0; i < names.size(); ++i) {
      if (!matched.contains(names[i])) continue;
      if (widths.weights) bits[i].weights = *widths.weights;
      if (!widths.activations) continue;
      bits[i].activations = widths.activations;
      bits[i].alone = matched.size() == 1;
    }
  }
  return bits;
}

}  // namespace quench::quant
