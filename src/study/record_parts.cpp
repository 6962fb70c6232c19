#include "study/record_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/clock.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/json_text.h"
#include "core/random_id.h"
#include "record/store.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

const char* const kWhole = ".jsonl";
const char* const kMoving = ".moving";  ///< of a writer that may have been killed while it moved it
constexpr double kStaleSeconds = 60;    ///< for what takes a moment

/// By name, which begins with the time.
std::vector<fs::path> parts_of(const fs::path& results) {
  std::vector<fs::path> parts;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(results / "parts", code)) {
    const std::string end = entry.path().extension().string();
    if (end == kWhole || end == kMoving) parts.push_back(entry.path());
  }
  std::ranges::sort(parts, {}, [](const fs::path& part) { return part.filename().string(); });
  return parts;
}

fs::path store_of(const fs::path& results) { return results / "records.jsonl"; }

std::vector<record::Record> load_part(const fs::path& part) { return record::load(part).records; }

/// Without those that are in the store: of a part whose move was cut off.
std::vector<record::Record> not_stored(std::vector<record::Record> records, const fs::path& store) {
  if (!fs::exists(store)) return records;
  std::set<std::string> stored;
  for (const record::Record& record : record::load(store).records) stored.insert(json_text(to_json(record)));
  std::erase_if(records, [&](const record::Record& record) { return stored.contains(json_text(to_json(record))); });
  return records;
}

}  // namespace

void add_part(const fs::path& results, std::span<const record::Record> records) {
  if (records.empty()) return;
  std::string lines;
  for (const record::Record& record : records) lines += json_text(to_json(record)) + "\n";
  write_file(results / "parts" / fmt::format("{}-{}{}", utc_now(), random_id(), kWhole), lines);
}

bool merge_parts(const fs::path& results, JobStore& own) {
  if (parts_of(results).empty()) return true;
  const std::unique_ptr<HeldJob> held =
      own.take_over(sha256_hex("records of the study"), "records", "records.jsonl", kStaleSeconds);
  if (!held) return false;
  for (const fs::path& part : parts_of(results)) {
    fs::path moving = part;
    std::vector<record::Record> records = load_part(part);
    if (part.extension() == kMoving) {
      records = not_stored(std::move(records), store_of(results));
    } else {
      fs::rename(part, moving.replace_extension(kMoving));
    }
    record::append(store_of(results), records);
    fs::remove(moving);
  }
  held->release();
  return parts_of(results).empty();
}

std::vector<record::Record> stored_and_parts(const fs::path& results, const LogSink& log) {
  std::vector<record::Record> records;
  // The parts first: one that is moved between is then read twice, and not never.
  std::vector<record::Record> newer;
  for (const fs::path& part : parts_of(results)) {
    try {
      for (record::Record& record : load_part(part)) newer.push_back(std::move(record));
    } catch (const Error& error) {
      if (fs::exists(part)) log.warning(error.what());  // else it was moved meanwhile
    }
  }
  if (fs::exists(store_of(results))) {
    record::Loaded loaded = record::load(store_of(results));
    record::tell_skipped(loaded, log);
    records = std::move(loaded.records);
  }
  std::ranges::move(newer, std::back_inserter(records));
  return records;
}

}  // namespace quench::study
