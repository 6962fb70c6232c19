#include "cli/kept_outcomes.h"

#include <algorithm>
#include <memory>
#include <set>

#include "core/error.h"
#include "core/file.h"
#include "core/gzip.h"
#include "core/hash.h"
#include "core/json.h"

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

}  // namespace

report::OutcomesOf kept_outcomes(const fs::path& folder, const LogSink& log) {
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

}  // namespace quench::cli
