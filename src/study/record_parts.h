#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "core/log.h"
#include "record/record.h"
#include "study/job_store.h"

namespace quench::study {

/// Records of several writers: each writes files of its own, `parts/*.jsonl` in the folder of results, whole or not at
/// all, and one at a time moves them into `records.jsonl`. So no two append to one file, which network file systems
/// do not keep apart.

/// Writes records that belong together. Throws Error{io}.
void add_part(const std::filesystem::path& results, std::span<const record::Record> records);

/// Moves all parts into the store, unless another process does. own: the study's store, for the claim. True where none
/// is left. Throws Error{io}.
bool merge_parts(const std::filesystem::path& results, JobStore& own);

/// The store's records, then those of the parts, in the order in which they were written. Warns of what is skipped.
std::vector<record::Record> stored_and_parts(const std::filesystem::path& results, const LogSink& log);

}  // namespace quench::study
