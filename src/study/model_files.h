#pragma once

#include <filesystem>
#include <string>

#include "core/json.h"
#include "core/log.h"

namespace quench::study {

/// Where files that a study names are looked for, and what is imported is kept.
struct FilePlaces {
  std::filesystem::path data_root;  ///< where the study does not say another
  std::filesystem::path cache;      ///< "": imports are not kept
};

/// A parsed study in which entries of `models` that are files (`best.pt`, `{model: net.onnx, seeds: [0]}`) have become
/// what they stand for: `{model: NAME, name: best, pretrained: FILE, train: {epochs: 0}}`, with the model's name as
/// weights/import.h tells it by the tensors, its image size where neither entry nor study says one, and its stem's
/// stride. An entry's own `train` goes before `epochs: 0`. Each is told. Entries that are no files stay as they are;
/// what is wrong with these, check_study says.
/// Throws Error{config} naming `where` for a file that is not there, quantized, or whose network no name builds
/// (another tool's, pruned), and for `pretrained` beside it; what reading a file throws, naming it.
Json with_model_files(Json study, const std::string& where, const FilePlaces& places, const LogSink& log);

}  // namespace quench::study
