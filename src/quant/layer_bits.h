#pragma once

#include <optional>
#include <string>
#include <vector>

namespace quench::quant {

/// The widths of one layer.
struct LayerBits {
  int weights = 8;
  /// Of the values that it reads, where they were asked for; else they have the width of all.
  std::optional<int> activations;
  bool alone = false;  ///< the entry that asked for `activations` matches no other layer
};

/// Widths of layers, by a list of `NAME=w4`, `NAME=a6` or `NAME=w4a6`: names and patterns as in core/name_pattern.h, 2
/// to 8 bits; of several that match one layer the last that gives a width counts. Returns one entry a name; `weights`
/// where the list says nothing. Throws Error{config} for text of another form and a pattern that matches none of the
/// names.
std::vector<LayerBits> layer_bits(const std::vector<std::string>& list, const std::vector<std::string>& names,
                                  int weights);

}  // namespace quench::quant
