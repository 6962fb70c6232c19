#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace quench::score {

/// One figure of merit on the test split, a fraction; named as the field of a record ("top1", "map_50_95").
struct Score {
  std::string name;
  double value = 0;
  bool operator==(const Score&) const = default;
};
using Scores = std::vector<Score>;

/// The value of a name. Throws Error{internal} where there is none.
double score_of(const Scores& scores, std::string_view name);

/// "top1 61.20 %  top5 87.03 %"; "mAP n/a (nothing is annotated)" for none.
std::string to_text(const Scores& scores);

}  // namespace quench::score
