// What is said of a training at its end.
#include <gtest/gtest.h>

#include <vector>

#include "train/loop/verdict.h"

namespace quench::train {
namespace {

/// Epochs with these losses and scores (below 0: none).
std::vector<EpochRow> epochs(const std::vector<double>& losses, const std::vector<double>& scores) {
  std::vector<EpochRow> rows;
  for (size_t i = 0; i < losses.size(); ++i) {
    EpochRow& row = rows.emplace_back();
    row.epoch = static_cast<int64_t>(i) + 1;
    row.lr = 0.01;
    row.train_loss = losses[i];
    if (scores[i] >= 0) row.scores = {{"top1", scores[i]}, {"top5", 1}};
  }
  return rows;
}

Course course(const std::vector<double>& losses, const std::vector<double>& scores) {
  return judge(epochs(losses, scores)).course;
}

TEST(Verdict, ALossThatGrewDiverged) {
  EXPECT_EQ(course({4, 2, 3}, {0.1, 0.2, 0.1}), Course::diverged) << "1.5 times the lowest";
  EXPECT_NE(course({4, 2, 2.99}, {0.1, 0.2, 0.1}), Course::diverged);
  EXPECT_NE(course({4, 0.01, 0.02}, {0.1, 0.2, 0.1}), Course::diverged) << "below half of the first epoch's";
  EXPECT_EQ(course({4, 5, 6}, {0.1, 0.1, 0.1}), Course::diverged);
  EXPECT_NE(course({4, 7, 3}, {0.1, 0.1, 0.1}), Course::diverged) << "it came back";
  const Verdict verdict = judge(epochs({4, 2, 3}, {-1, -1, -1}));
  EXPECT_NE(verdict.text.find("2.0000 in epoch 2 to 3.0000"), std::string::npos) << verdict.text;
  EXPECT_NE(verdict.text.find("--lr 0.001"), std::string::npos) << verdict.text;
}

TEST(Verdict, AScoreThatRisesHasNotConverged) {
  // Of four epochs the last two against the first two.
  EXPECT_EQ(course({4, 3, 2, 1}, {0.50, 0.50, 0.51, 0.51}), Course::rising);
  EXPECT_EQ(course({4, 3, 2, 1}, {0.50, 0.50, 0.504, 0.504}), Course::settled);
  EXPECT_EQ(course({4, 3, 2, 1}, {0.515, 0.515, 0.51, 0.51}), Course::settled) << "it falls by little";
  EXPECT_EQ(course({4, 3, 2}, {0.1, 0.3, 0.5}), Course::too_short);
  // Epochs without scores are passed over.
  EXPECT_EQ(course({8, 7, 6, 5, 4, 3, 2, 1}, {-1, 0.5, -1, 0.5, -1, 0.6, -1, 0.6}), Course::rising);
  // Of forty the last four: what was before does not count.
  std::vector<double> losses(40, 1), scores(40, 0.2);
  for (size_t i = 32; i < 40; ++i) scores[i] = 0.6;
  EXPECT_EQ(course(losses, scores), Course::settled);
  for (size_t i = 36; i < 40; ++i) scores[i] = 0.61;
  const Verdict verdict = judge(epochs(losses, scores));
  EXPECT_EQ(verdict.course, Course::rising);
  EXPECT_NE(verdict.text.find("top1 rose by 1.0 percentage points"), std::string::npos) << verdict.text;
  EXPECT_NE(verdict.text.find("--epochs 80"), std::string::npos) << verdict.text;
}

TEST(Verdict, AScoreThatFallsWhileTheLossFallsIsOverfitting) {
  const std::vector<double> losses{8, 7, 6, 5, 4, 3, 2, 1}, scores{0.1, 0.4, 0.6, 0.58, 0.57, 0.56, 0.55, 0.54};
  const Verdict verdict = judge(epochs(losses, scores));
  EXPECT_EQ(verdict.course, Course::falling);
  EXPECT_NE(verdict.text.find("top1 fell by 4.5 percentage points from epochs 3 to 4"), std::string::npos)
      << verdict.text;
  EXPECT_NE(verdict.text.find("--keep best"), std::string::npos) << verdict.text;
  EXPECT_NE(verdict.text.find("--epochs 4"), std::string::npos) << verdict.text;
  // Of few images it may be chance; of many it is not. Who keeps the best epoch is not told to.
  EXPECT_EQ(judge(epochs(losses, scores), {.images = 50}).course, Course::settled);
  EXPECT_EQ(judge(epochs(losses, scores), {.images = 5000}).course, Course::falling);
  const std::string kept = judge(epochs(losses, scores), {.keeps_best = true}).text;
  EXPECT_EQ(kept.find("--keep best"), std::string::npos) << kept;
  EXPECT_NE(kept.find("Train for fewer epochs (--epochs 4)"), std::string::npos) << kept;
  EXPECT_EQ(judge(epochs({4, 3, 2, 1}, {0.50, 0.50, 0.51, 0.51}), {.images = 100}).course, Course::settled);
  // By less than a point, or with a loss that rises, too, it is none.
  EXPECT_EQ(course(losses, {0.1, 0.4, 0.6, 0.6, 0.595, 0.595, 0.595, 0.595}), Course::settled);
  EXPECT_EQ(course({8, 5, 4, 4, 4.2, 4.3, 4.4, 4.5}, scores), Course::settled);
}

TEST(Verdict, OfNothingNothingIsSaid) {
  EXPECT_EQ(judge({}).course, Course::too_short);
  EXPECT_EQ(judge({}).text, "");
  EXPECT_EQ(judge(epochs({1, 1, 1, 1}, {0.5, 0.5, 0.5, 0.5})).text, "");
}

}  // namespace
}  // namespace quench::train
