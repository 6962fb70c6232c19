#pragma once

#include <gtest/gtest.h>

#include "graph/graph.h"

namespace quench {

/// Whether the weight at a place is zero: a float, or an integer whose zero point is 0.
inline bool is_zero_at(const Tensor& value, size_t at) {
  return value.dtype() == DType::i8 ? value.values<int8_t>()[at] == 0 : value.values<float>()[at] == 0;
}

/// Whether of every `m` neighbours along axis 1 of [O, I, ...] at most `n` are not zero.
inline testing::AssertionResult holds_n_of_m(const Tensor& value, int64_t n, int64_t m) {
  const int64_t outputs = value.shape()[0], inputs = value.shape()[1], kernel = value.size() / (outputs * inputs);
  for (int64_t o = 0; o < outputs; ++o) {
    for (int64_t k = 0; k < kernel; ++k) {
      for (int64_t first = 0; first < inputs; first += m) {
        int64_t left = 0;
        for (int64_t i = first; i < std::min(first + m, inputs); ++i) {
          left += !is_zero_at(value, static_cast<size_t>((o * inputs + i) * kernel + k));
        }
        if (left > n) return testing::AssertionFailure() << left << " of output " << o << ", inputs from " << first;
      }
    }
  }
  return testing::AssertionSuccess();
}

/// Whether every convolution's and linear layer's weight that is zero in `before` is so in `after`.
inline testing::AssertionResult zeros_stay(const graph::Graph& before, const graph::Graph& after) {
  for (const graph::Node& node : before.nodes) {
    if (node.op != graph::Op::conv && node.op != graph::Op::linear) continue;
    const Tensor& old = before.required_weight(node, "weight").value;
    const auto found = after.weights.find(node.name + ".weight");
    if (found == after.weights.end()) return testing::AssertionFailure() << "no " << node.name;
    for (size_t i = 0; i < static_cast<size_t>(old.size()); ++i) {
      if (is_zero_at(old, i) && !is_zero_at(found->second.value, i)) {
        return testing::AssertionFailure() << node.name << " at " << i;
      }
    }
  }
  return testing::AssertionSuccess();
}

}  // namespace quench
