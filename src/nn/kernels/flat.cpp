#include "nn/kernels/flat.h"

#include "nn/kernels/parallel.h"

namespace quench::nn::kernels {

namespace {

/// Floats of one block; spans are cut the same way whatever the number of threads.
constexpr int64_t kSpan = 16384;

/// body(offset, count, block) on every block.
template <typename Body>
void for_blocks(int64_t count, int threads, const Body& body) {
  const int64_t blocks = (count + kSpan - 1) / kSpan;
  for_parts(blocks, threads, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t offset = block * kSpan;
      body(offset, std::min(kSpan, count - offset), block);
    }
  });
}

}  // namespace

void silu_forward(const float* x, float* y, int64_t count, const FlatLayout& layout) {
  const Table& kernels = table(layout.isa);
  for_blocks(count, layout.threads,
             [&](int64_t at, int64_t size, int64_t) { kernels.silu_forward(x + at, y + at, size); });
}

void silu_backward(const float* x, const float* dy, float* dx, int64_t count, const FlatLayout& layout) {
  const Table& kernels = table(layout.isa);
  for_blocks(count, layout.threads,
             [&](int64_t at, int64_t size, int64_t) { kernels.silu_backward(x + at, dy + at, dx + at, size); });
}

void engine_silu(const float* x, float* y, int64_t count, const FlatLayout& layout) {
  const Table& kernels = table(layout.isa);
  for_blocks(count, layout.threads,
             [&](int64_t at, int64_t size, int64_t) { kernels.engine_silu(x + at, y + at, size); });
}

void fake_quant_forward(const float* x, float* y, int64_t count, float scale, float low, float high,
                        const FlatLayout& layout) {
  const Table& kernels = table(layout.isa);
  for_blocks(count, layout.threads, [&](int64_t at, int64_t size, int64_t) {
    kernels.fake_quant_forward(x + at, y + at, size, scale, low, high);
  });
}

double fake_quant_backward(const float* x, const float* dy, float* dx, int64_t count, float scale, float low,
                           float high, bool want_scale, const FlatLayout& layout) {
  const Table& kernels = table(layout.isa);
  std::vector<double> sums(static_cast<size_t>((count + kSpan - 1) / kSpan), 0.0);
  for_blocks(count, layout.threads, [&](int64_t at, int64_t size, int64_t block) {
    sums[block] = kernels.fake_quant_backward(x + at, dy + at, dx + at, size, scale, low, high, want_scale);
  });
  double sum = 0;
  for (double value : sums) sum += value;
  return sum;
}

}  // namespace quench::nn::kernels
