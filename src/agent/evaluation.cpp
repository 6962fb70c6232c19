#include "agent/evaluation.h"

#include <algorithm>
#include <optional>

#include "core/clock.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/text.h"
#include "graph/magnitude.h"
#include "models/preparation.h"
#include "models/task.h"
#include "score/evaluate.h"

namespace quench::agent {
namespace {

void require_size(const graph::Graph& graph, const pack::Header& header) {
  ensure(graph.inputs.size() == 1, "[agent] expected a model with one input, got {}", graph.inputs.size());
  const Shape& shape = graph.edge(graph.inputs[0]).shape;
  if (shape == Shape{1, 3, header.height, header.width}) return;
  fail(ErrorKind::data, "[agent] expected a pack of images [3,{},{}] for this model, got [3,{},{}] ({})",
       shape.size() == 4 ? shape[2] : 0, shape.size() == 4 ? shape[3] : 0, header.height, header.width, header.data);
}

/// A pack of pictures that were prepared for another model would score this one too low.
void require_preparation(const graph::Graph& graph, const pack::Header& header) {
  const pixels::Preparation wanted = models::preparation_of(graph);
  const pixels::Preparation got = header.has_objects()
                                      ? pixels::Preparation{}
                                      : pixels::preparation_from(header.preparation, "'preparation' of the pack");
  if (wanted == got) return;
  fail(ErrorKind::data,
       "[agent] expected a pack of pictures prepared as the model wants them ({}), got another way ({}): `quench data "
       "pack --model MODEL` makes one ({})",
       pixels::described(wanted), pixels::described(got), header.data);
}

/// SHA-256 of one image's share of tensors [N,...].
std::string digest_of(std::span<const Tensor> outputs, int64_t in_batch) {
  Sha256 digest;
  for (const Tensor& output : outputs) {
    const size_t bytes = output.size_bytes() / static_cast<size_t>(output.shape().at(0));
    digest.update({output.bytes() + static_cast<size_t>(in_batch) * bytes, bytes});
  }
  return digest.hex();
}

}  // namespace

std::unique_ptr<score::Scorer> make_scorer(const graph::Graph& graph, const pack::Header& header,
                                           const Json& settings) {
  graph::require_magnitudes(graph);
  models::require_fit(graph, header.task, header.classes);
  require_size(graph, header);
  require_preparation(graph, header);
  return score::make_scorer(graph, header.classes, settings);
}

Evaluated evaluate(runtime::Session& session, const pack::Reader& pack, const EvaluationOptions& options,
                   score::Scorer& scorer, Journal* journal, const LogSink& log, const CancelToken& cancel) {
  const int64_t count = pack.header().count();
  const int64_t total = options.limit > 0 ? std::min(options.limit, count) : count;
  std::string digests;
  const auto replay = [&](const ImageResult& result) {
    if (scorer.images() == total) fail(ErrorKind::data, "[agent.state] expected at most {} images, got more", total);
    scorer.add(result.answer, pack.header().truth(scorer.images()));
    digests += result.outputs_sha256;
  };
  if (journal) journal->replay(replay);
  if (scorer.images() > 0) {
    log.info(fmt::format("{} of {} {} done before", scorer.images(), counted(total, "image"),
                         scorer.images() == 1 ? "was" : "were"));
  }

  const auto next = [&, first = scorer.images()]() mutable -> std::optional<LabelledImages> {
    const int64_t images = std::min(options.batch, total - first);
    if (images == 0) return std::nullopt;
    LabelledImages out{pack.read(first, images), {}};
    for (int64_t i = 0; i < images; ++i) out.truths.push_back(pack.header().truth(first++));
    return out;
  };
  const auto run = [&](const Tensor& images) { return session.run(runtime::to_input(images, session.input_dtype())); };
  int64_t saved_ns = now_ns();
  score::Watch watch{.total = total, .log = &log, .cancel = &cancel};
  watch.heard = [&](const score::Answer& answer, std::span<const Tensor> outputs, int64_t in_batch) {
    const ImageResult result{answer, options.digest ? digest_of(outputs, in_batch) : ""};
    digests += result.outputs_sha256;
    if (journal) journal->add(result);
  };
  watch.after_run = [&] {
    if (!journal || (seconds_since(saved_ns) < options.state_seconds && scorer.images() != total)) return;
    journal->save();
    saved_ns = now_ns();
  };
  try {
    score::evaluate(scorer, next, run, watch);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled && journal) journal->save();
    throw;
  }
  return {scorer.result(), options.digest ? sha256_hex(digests) : ""};
}

}  // namespace quench::agent
