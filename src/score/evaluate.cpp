#include "score/evaluate.h"

#include "core/clock.h"

namespace quench::score {

void evaluate(Scorer& scorer, const ImageSource& next, const RunImages& run, const Watch& watch) {
  const int64_t start_ns = now_ns();
  while (true) {
    if (watch.cancel != nullptr) watch.cancel->check();
    const std::optional<LabelledImages> batch = next();
    if (!batch) break;
    const std::vector<Tensor> outputs = run(batch->images);
    scorer.check(outputs);
    for (size_t i = 0; i < batch->truths.size(); ++i) {
      const auto in_batch = static_cast<int64_t>(i);
      const Answer answer = scorer.read(outputs, in_batch, batch->truths[i]);
      if (watch.heard) watch.heard(answer, outputs, in_batch);
      scorer.add(answer, batch->truths[i]);
    }
    if (watch.after_run) watch.after_run();
    if (watch.log == nullptr) continue;
    const double seconds = seconds_since(start_ns);
    watch.log->show_step({"eval", scorer.images(), watch.total, seconds, "images"});
  }
}

}  // namespace quench::score
