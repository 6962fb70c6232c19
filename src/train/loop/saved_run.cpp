#include "train/loop/saved_run.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "core/error.h"
#include "train/loop/best_model.h"

namespace quench::train {
namespace {

void put_aside(const std::filesystem::path& checkpoint, std::string_view ending, std::string_view why,
               const LogSink* log) {
  std::filesystem::path aside = checkpoint;
  aside += ending;
  std::filesystem::rename(checkpoint, aside);
  if (log == nullptr) return;
  log->warning(fmt::format("the training starts anew, and its checkpoint is kept as {}: {}", aside.string(), why));
}

}  // namespace

std::optional<Checkpoint> saved_run(const std::filesystem::path& folder, const Checkpoint& wanted, bool with_best,
                                    Resume resume, const LogSink* log) {
  const std::filesystem::path path = folder / kCheckpointName;
  if (resume == Resume::never || !std::filesystem::exists(path)) return std::nullopt;
  std::optional<Checkpoint> saved;
  try {
    saved = load_checkpoint(path);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data) throw;
    put_aside(path, ".damaged", error.what(), log);
    return std::nullopt;
  }
  const std::string other = difference(*saved, wanted);
  if (!other.empty() && resume == Resume::or_fail) {
    fail(ErrorKind::config,
         "[train.checkpoint] {} is of another run: {} (--work FOLDER keeps the new run's checkpoints elsewhere; "
         "--no-resume starts anew and writes over this one)",
         path.string(), other);
  }
  if (!other.empty()) {
    put_aside(path, ".other", "it is of another run: " + other, log);
    return std::nullopt;
  }
  if (!with_best || saved->best_score < 0) return saved;
  try {
    read_best_model(folder);
  } catch (const Error& error) {
    put_aside(path, ".damaged", error.what(), log);
    return std::nullopt;
  }
  return saved;
}

}  // namespace quench::train
