#include "cli/kept_beside.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "core/error.h"
#include "core/file.h"
#include "core/gzip.h"
#include "core/hash.h"
#include "core/json.h"
#include "record/rounds.h"

namespace quench::cli {
namespace {

namespace fs = std::filesystem;

/// More than a million images with a hundred detections each: a small file may claim to be a huge one.
constexpr size_t kMostBytes = size_t{1} << 30;

metrics::Outcomes read_outcomes(const fs::path& folder, const std::string& name) {
  const fs::path inside(name);
  if (inside.is_absolute() || std::ranges::count(inside, fs::path("..")) > 0) {
    fail(ErrorKind::data, "[cli] expected a file below the results, got {}", name);
  }
  const fs::path file = folder / inside;
  const std::string text = gunzip(read_file(file), file.string(), kMostBytes);
  if (!inside.filename().string().starts_with(sha256_hex(text).substr(0, 16))) {
    fail(ErrorKind::data, "[cli] expected the outcomes whose SHA-256 the file's name begins with, got others ({})",
         file.string());
  }
  return metrics::outcomes_from(parse_json(text, file.string()), file.string());
}

report::OutcomesOf outcomes_in(const fs::path& folder, const LogSink& log) {
  const auto told = std::make_shared<std::set<std::string>>();
  return [folder, &log, told](const record::Record& record) -> std::optional<metrics::Outcomes> {
    try {
      return read_outcomes(folder, record.outcomes.value_or(""));
    } catch (const Error& error) {
      if (told->insert(record.outcomes.value_or("")).second) {
        log.warning(fmt::format("no findings from {}: {}", record.cell.value_or("a row"), error.what()));
      }
      return {};
    }
  };
}

report::RoundsOf rounds_in(const fs::path& folder, const LogSink& log) {
  const auto known = std::make_shared<std::map<std::string, record::Rounds>>();  // each file is read once
  return [folder, &log, known](const record::Record& record) -> std::optional<std::vector<int64_t>> {
    const std::string id = record.timing_id.value_or("");
    const auto [timing, is_new] = known->try_emplace(id);
    try {
      if (is_new && fs::exists(folder / record::rounds_path(id))) timing->second = record::read_rounds(id, folder);
    } catch (const Error& error) {
      log.warning(fmt::format("no rounds of timing {}: {}", id, error.what()));
    }
    const auto found = timing->second.find(record.cell.value_or(""));
    return found == timing->second.end() ? std::nullopt : std::optional(found->second);
  };
}

}  // namespace

report::Kept kept_beside(const fs::path& folder, const LogSink& log) {
  return {outcomes_in(folder, log), rounds_in(folder, log)};
}

}  // namespace quench::cli
