#include "runtime/native/act_table.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace quench::runtime::native {

namespace {

/// e^x, |x| <= 60: halved six times, Taylor's series, squared six times.
double exponential(double x) {
  const double small = x / 64;
  double sum = 1, term = 1;
  for (int i = 1; i < 20; ++i) {
    term = term * small / i;
    sum += term;
  }
  for (int i = 0; i < 6; ++i) sum *= sum;
  return sum;
}

}  // namespace

double logistic(double x) { return 1 / (1 + exponential(std::clamp(-x, -60.0, 60.0))); }

uint8_t quantized(double x, const Step8& step) {
  const double low = step.low - step.zero_point, high = step.high - step.zero_point;
  const double q = std::nearbyint(std::clamp(x / static_cast<double>(step.scale), low, high));
  return static_cast<uint8_t>(static_cast<int>(q) + step.zero_point);
}

double dequantized(int q, const Step8& step) { return static_cast<double>(step.scale) * (q - step.zero_point); }

Table make_table(const Step8& from, const Step8& to, const std::function<double(double)>& of) {
  Table table;
  for (int q = 0; q < 256; ++q) table[static_cast<size_t>(q)] = quantized(of(dequantized(q, from)), to);
  return table;
}

Table make_table(const Step8& from, const Step8& to, graph::Op op) {
  switch (op) {
    case graph::Op::silu: return make_table(from, to, [](double x) { return x * logistic(x); });
    case graph::Op::sigmoid: return make_table(from, to, logistic);
    case graph::Op::relu: return make_table(from, to, [](double x) { return std::max(x, 0.0); });
    default: fail(ErrorKind::internal, "[runtime.native] no table for {}", graph::to_string(op));
  }
}

Table gate_table(const Step8& from, const Step8& sigmoid, const Step8& to) {
  const auto low = static_cast<float>(to.low - to.zero_point), high = static_cast<float>(to.high - to.zero_point);
  Table table;
  for (int q = 0; q < 256; ++q) {
    const double x = dequantized(q, from);
    const auto gate = static_cast<float>(dequantized(quantized(logistic(x), sigmoid), sigmoid));
    const float product = static_cast<float>(x) * gate;
    const float steps = std::nearbyint(std::clamp(product / to.scale, low, high));
    table[static_cast<size_t>(q)] = static_cast<uint8_t>(static_cast<int>(steps) + to.zero_point);
  }
  return table;
}

Table chained(const Table& first, const Table& second) {
  Table table;
  for (size_t q = 0; q < 256; ++q) table[q] = second[first[q]];
  return table;
}

}  // namespace quench::runtime::native
