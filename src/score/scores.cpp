#include "score/scores.h"

#include "core/error.h"

namespace quench::score {

double score_of(const Scores& scores, std::string_view name) {
  for (const Score& score : scores) {
    if (score.name == name) return score.value;
  }
  fail(ErrorKind::internal, "[score] no score '{}'", name);
}

std::string to_text(const Scores& scores) {
  if (scores.empty()) return "mAP n/a (nothing is annotated)";
  std::string text;
  for (const Score& score : scores) {
    text += fmt::format("{}{} {:.2f} %", text.empty() ? "" : "  ", score.name, score.value * 100);
  }
  return text;
}

}  // namespace quench::score
