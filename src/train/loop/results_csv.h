#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/json.h"
#include "score/scores.h"

namespace quench::train {

/// What one epoch did.
struct EpochRow {
  int64_t epoch = 0;              ///< from 1
  double lr = 0;                  ///< of the last step
  double train_loss = 0;          ///< mean over the images, augmented and smoothed as trained
  score::Scores scores;           ///< on the test split; empty where `eval_every` skipped it
  double images_per_second = 0;   ///< training alone, data pipeline included
  double seconds = 0;             ///< of training, since epoch 1
  score::Scores loss_parts = {};  ///< means of the loss's terms, where they are told apart (TermsOfLoss)
  bool operator==(const EpochRow&) const = default;
};

/// Header line `epoch,lr,train_loss,<loss parts>,<scores>,images_per_second,seconds` and a line a row; an absent value
/// is empty. The names of parts and scores are those of the first row that has any.
std::string results_csv(const std::vector<EpochRow>& rows);

/// The rows as a file, replaced as a whole: a resumed run never shows an epoch twice. Throws Error{io}.
void write_results(const std::filesystem::path& path, const std::vector<EpochRow>& rows);

/// For checkpoints. rows_from_json throws Error{data} where the value is not what rows_to_json made.
Json scores_to_json(const score::Scores& scores);
score::Scores scores_from_json(const Json& json);
Json rows_to_json(const std::vector<EpochRow>& rows);
std::vector<EpochRow> rows_from_json(const Json& json);

}  // namespace quench::train
