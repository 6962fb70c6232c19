#include "nn/kernels/sgd.h"

#include <vector>

#include "nn/kernels/parallel.h"

namespace quench::nn::kernels {

namespace {

/// Calls body(span index, offset, size) so that every thread gets an equal share of all elements.
template <typename Spans, typename Body>
void for_shares(const Spans& spans, int threads, const Body& body) {
  std::vector<int64_t> start{0};
  for (const auto& span : spans) start.push_back(start.back() + span.count);
  const int64_t total = start.back();
  constexpr int64_t kFewest = 32768;  // below this a second thread costs more than it saves
  const int team = static_cast<int>(std::clamp<int64_t>(total / kFewest, 1, threads));
  for_parts(total, team, [&](int64_t begin, int64_t end) {
    size_t index = static_cast<size_t>(std::upper_bound(start.begin(), start.end(), begin) - start.begin()) - 1;
    for (; index < spans.size() && start[index] < end; ++index) {
      const int64_t from = std::max(begin, start[index]) - start[index];
      const int64_t to = std::min(end, start[index + 1]) - start[index];
      if (to > from) body(index, from, to - from);
    }
  });
}

}  // namespace

void sgd_step(std::span<const SgdSpan> spans, const SgdOptions& options, const FlatLayout& layout) {
  const Table& kernels = table(layout.isa);
  for_shares(spans, layout.threads, [&](size_t index, int64_t at, int64_t size) {
    const SgdSpan& span = spans[index];
    kernels.sgd(span.weight + at, span.gradient + at, span.velocity + at, size, options.learning_rate, options.momentum,
                options.weight_decay, options.nesterov);
  });
}

void average_step(std::span<const AverageSpan> spans, float decay, const FlatLayout& layout) {
  const Table& kernels = table(layout.isa);
  for_shares(spans, layout.threads, [&](size_t index, int64_t at, int64_t size) {
    kernels.average(spans[index].average + at, spans[index].value + at, size, 1.0f - decay);
  });
}

}  // namespace quench::nn::kernels
