#include "agent/evaluation.h"

#include <algorithm>

#include "core/clock.h"
#include "core/error.h"

namespace quench::agent {
namespace {

double seconds_since(int64_t start_ns) { return static_cast<double>(now_ns() - start_ns) * 1e-9; }

void replay(Journal& journal, Scorer& scorer, int64_t total, const LogSink& log) {
  journal.replay([&](const ImageResult& result) {
    if (scorer.images() == total) fail(ErrorKind::data, "[agent.state] expected at most {} images, got more", total);
    scorer.add(result);
  });
  if (scorer.images() > 0) log.info(fmt::format("{} of {} images were done before", scorer.images(), total));
}

}  // namespace

void evaluate(runtime::Session& session, const pack::Reader& pack, const EvaluationOptions& options, Scorer& scorer,
              Journal* journal, const LogSink& log, const CancelToken& cancel) {
  const int64_t count = pack.header().count();
  const int64_t total = options.limit > 0 ? std::min(options.limit, count) : count;
  if (journal) replay(*journal, scorer, total, log);
  const int64_t start_ns = now_ns();
  int64_t saved_ns = start_ns;
  const auto show = [&] { log.show_step({"eval", scorer.images(), total, seconds_since(start_ns), "images"}); };
  while (scorer.images() < total) {
    if (cancel.cancelled() && journal) journal->save();
    cancel.check();
    const int64_t first = scorer.images(), images = std::min(options.batch, total - first);
    const std::vector<Tensor> outputs = session.run(runtime::to_input(pack.read(first, images), session.input_dtype()));
    scorer.check(outputs);
    for (int64_t i = 0; i < images; ++i) {
      const ImageResult result = scorer.judge(outputs, i, first + i);
      scorer.add(result);
      if (journal) journal->add(result);
    }
    if (journal && (seconds_since(saved_ns) >= options.state_seconds || scorer.images() == total)) {
      journal->save();
      saved_ns = now_ns();
    }
    show();
  }
}

}  // namespace quench::agent
