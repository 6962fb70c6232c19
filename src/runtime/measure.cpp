#include "runtime/measure.h"

#include <algorithm>

#include "core/error.h"
#include "core/rng.h"
#include "runtime/warm_up.h"

namespace quench::runtime {

namespace {

constexpr double kOwnWarmUp = 2;  // seconds: clocks of a GPU at rest take about one to rise

int64_t timed_run(Session& session, const Tensor& input, const MeasureOptions& options) {
  const int64_t start = options.clock();
  const std::vector<Tensor> outputs = session.run(input);
  return options.clock() - start;
}

int64_t to_ns(double seconds, size_t sessions) {
  return static_cast<int64_t>(seconds * 1e9 * static_cast<double>(sessions));
}

void require_one_image(const Tensor& input) {
  if (input.shape().empty() || input.shape()[0] != 1) {
    fail(ErrorKind::data, "[runtime.measure] expected batch 1, got input {}", to_string(input.shape()));
  }
}

Measurement measure_by_itself(Session& session, const Tensor& input, const MeasureOptions& options,
                              const CancelToken& cancel) {
  require_one_image(input);
  OwnTiming timing = session.own_timing(input, {.min_samples = options.min_samples,
                                                .min_seconds = options.min_seconds,
                                                .warm_up_seconds = std::min(options.max_warm_up_seconds, kOwnWarmUp),
                                                .before_samples = options.before_samples,
                                                .after_samples = options.after_samples,
                                                .cancel = &cancel});
  return {metrics::summarize(std::move(timing.latencies_ns)), timing.warm_up_runs, true, timing.seconds};
}

}  // namespace

Tensor noise_image(const graph::Graph& graph) {
  Tensor image(DType::u8, graph.edge(graph.inputs.at(0)).shape);
  Rng rng(0, "bench image");
  for (uint8_t& value : image.mutable_values<uint8_t>()) value = static_cast<uint8_t>(rng.below(256));
  return image;
}

std::vector<Measurement> measure_interleaved(const std::vector<Session*>& sessions, const std::vector<Tensor>& inputs,
                                             const MeasureOptions& options, const CancelToken& cancel) {
  const size_t n = sessions.size();
  ensure(n > 0 && inputs.size() == n, "[runtime.measure] expected an input a session, got {} for {}", inputs.size(), n);
  ensure(options.min_samples > 0, "[runtime.measure] expected min_samples > 0, got {}", options.min_samples);
  for (const Tensor& input : inputs) require_one_image(input);
  for (const Session* session : sessions) {
    ensure(!session->times_itself(), "[runtime.measure] expected sessions that can be taken in turn");
  }

  // Each pass in an order of its own: who always came behind a model that empties the caches would seem slower.
  Rng order(0, "bench order");
  const auto for_each_in_turn = [&](const auto& take) {
    for (const int64_t i : permutation(static_cast<int64_t>(n), order)) {
      cancel.check();
      take(static_cast<size_t>(i));
    }
  };

  std::vector<WarmUp> warm_ups(n);
  const auto all_stable = [&] {
    return std::all_of(warm_ups.begin(), warm_ups.end(), [](auto& w) { return w.stable(); });
  };
  const int64_t warm_up_end = options.clock() + to_ns(options.max_warm_up_seconds, n);
  do {
    for_each_in_turn([&](size_t i) { warm_ups[i].add(timed_run(*sessions[i], inputs[i], options)); });
  } while (!all_stable() && options.clock() < warm_up_end);

  std::vector<std::vector<int64_t>> samples(n);
  if (options.before_samples) options.before_samples();
  const int64_t start = options.clock();
  const int64_t end = start + to_ns(options.min_seconds, n);
  while (static_cast<int64_t>(samples[0].size()) < options.min_samples || options.clock() < end) {
    for_each_in_turn([&](size_t i) { samples[i].push_back(timed_run(*sessions[i], inputs[i], options)); });
  }

  const double seconds = static_cast<double>(options.clock() - start) / 1e9;
  if (options.after_samples) options.after_samples();

  std::vector<Measurement> result(n);
  for (size_t i = 0; i < n; ++i) {
    std::vector<int64_t> rounds = metrics::round_medians(samples[i]);
    result[i] = {metrics::summarize(std::move(samples[i])), warm_ups[i].runs(), warm_ups[i].stable(), seconds,
                 std::move(rounds)};
  }
  return result;
}

Measurement measure(Session& session, const Tensor& input, const MeasureOptions& options, const CancelToken& cancel) {
  if (session.times_itself()) return measure_by_itself(session, input, options, cancel);
  return measure_interleaved({&session}, {input}, options, cancel)[0];
}

}  // namespace quench::runtime
