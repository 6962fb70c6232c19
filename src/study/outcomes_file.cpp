#include "study/outcomes_file.h"

#include "core/error.h"
#include "core/file.h"
#include "core/gzip.h"
#include "core/hash.h"

namespace quench::study {

namespace fs = std::filesystem;

std::string write_outcomes(const metrics::Outcomes& outcomes, const fs::path& results) {
  const std::string text = metrics::to_json(outcomes).dump() + "\n";
  const std::string name = fmt::format("outcomes/{}.json.gz", sha256_hex(text).substr(0, 16));
  if (fs::exists(results / name)) return name;
  write_file(results / name, gzip(text));
  return name;
}

}  // namespace quench::study
