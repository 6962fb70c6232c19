#pragma once

#include <filesystem>
#include <optional>

#include "core/cancel.h"
#include "core/log.h"
#include "train/loop/checkpoint.h"
#include "train/loop/resume.h"

namespace quench::train {

/// The name of a run's checkpoint in its folder.
inline constexpr const char* kCheckpointName = "checkpoint.qckpt";

/// The checkpoint of a folder that a run goes on from; nothing where there is none, or where `resume` is `never`.
///
/// wanted: where the run that asks begins (identity, data and graph). with_best: the folder's best model is needed,
/// too (best_model.h). A damaged checkpoint, or one whose best model is damaged, is renamed to
/// `checkpoint.qckpt.damaged` with a warning to `log` (null: none). One of another run throws Error{config} naming what
/// differs, or is renamed to `checkpoint.qckpt.other` with a warning, as `resume` says. Throws Error{io}.
std::optional<Checkpoint> saved_run(const std::filesystem::path& folder, const Checkpoint& wanted, bool with_best,
                                    Resume resume, const LogSink* log);

}  // namespace quench::train
