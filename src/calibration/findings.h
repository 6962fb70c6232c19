#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "calibration/interval.h"
#include "core/json.h"

namespace quench::calibration {

/// The model quantized with one observer on one choice of pictures.
struct Trial {
  uint64_t seed = 0;
  int64_t images = 0;           ///< that it was calibrated on
  size_t ranges = 0;            ///< number of its ranges among those that differ: equal numbers, equal to the bit
  double error = 0;             ///< of the outputs: sum (y' - y)^2 / sum y^2, y the float model's, mean over outputs
  double loss = 0;              ///< less the float model's
  std::optional<double> score;  ///< a fraction; none where nothing is annotated
};

/// Choices that differ by their seed alone.
struct Entry {
  std::string observer, choice;  ///< choice: random, hard or easy
  int64_t count = 0;             ///< pictures asked for
  int64_t excluded = 0;          ///< most influential ones, left out
  std::vector<Trial> trials;
  Interval score, loss, error_db;  ///< over seeds; decibels: -10 log10(error)
  bool as_good = false;            ///< its score cannot be told from the best one's
};

/// How often an observer gives what another gives.
struct SameRanges {
  std::string observer, as;
  int64_t equal = 0, groups = 0;
};

/// What is the matter with a picture.
struct PictureFinding {
  int64_t index = 0;  ///< in the training split
  std::string name;
  double loss = 0, deviation = 0, strangeness = 0;
  bool flat = false, strange = false;
  std::optional<int64_t> copy_of;  ///< index of the picture
  bool exact = false;              ///< of the copy
  int64_t ends = 0;                ///< of ranges that it alone sets among the pictures of the base
  double share = 0;                ///< of the ranges that goes away without it

  bool is_bad() const { return flat || strange || copy_of; }
  bool is_told() const { return is_bad() || ends > 0; }
};

struct Findings {
  std::string model, model_sha256, data;
  int64_t pictures = 0;                  ///< looked at
  size_t bytes = 0;                      ///< of memory for their histograms
  double float_loss = 0;                 ///< mean over them
  int64_t groups = 0;                    ///< of values that share a range
  int64_t base = 0;                      ///< pictures of the largest random choice by the first seed
  std::vector<PictureFinding> findings;  ///< of all of them, by index
  std::vector<SameRanges> same;          ///< of the base
  int64_t score_images = 0;              ///< 0: nothing was compared
  std::string score_name;
  std::optional<double> float_score;
  std::vector<Entry> entries;  ///< the recommended one first
  int64_t combinations = 0, different = 0;
  std::vector<int64_t> recommended_pictures;  ///< of its first seed
  std::string command, settings_yaml;         ///< that make it; the second where the command needs a file of settings
  Json settings;
};

Json to_json(const Findings& findings);

}  // namespace quench::calibration
