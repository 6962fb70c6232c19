#pragma once

#include <filesystem>
#include <memory>

#include "core/cancel.h"
#include "core/file_lock.h"
#include "core/log.h"

namespace quench::latency_table {

/// The right to measure for a table's file, by a lock on `<file>.lock`: one process has it at a time. Where another has
/// it, waits, saying so once, until that is done or gone. Null where no such file can be made: then the table cannot be
/// kept either. Throws Error{cancelled} while it waits.
std::unique_ptr<FileLock> lock_table(const std::filesystem::path& file, const LogSink& log, const CancelToken& cancel);

}  // namespace quench::latency_table
