#include "study/sealed_file.h"

#include <fmt/format.h>

#include <fstream>
#include <optional>

#include "core/file.h"
#include "core/hash.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

struct Seal {
  std::string sha256;
  uintmax_t bytes = 0;
};

fs::path seal_of(const fs::path& file) {
  fs::path seal = file;
  return seal += ".sha256";
}

/// None where there is no seal, or one that is torn itself: then nothing says that the file is what was written.
std::optional<Seal> read_seal(const fs::path& file) {
  std::error_code code;
  if (!fs::is_regular_file(seal_of(file), code)) return std::nullopt;
  std::ifstream in(seal_of(file));
  Seal seal;
  if (!(in >> seal.sha256 >> seal.bytes) || seal.sha256.size() != 64) return std::nullopt;
  return seal;
}

}  // namespace

void write_sealed(const fs::path& file, std::string_view bytes) {
  write_file(seal_of(file), fmt::format("{} {}\n", sha256_hex(bytes), bytes.size()));
  write_file(file, bytes);
}

bool seems_whole(const fs::path& file) {
  std::error_code code;
  const uintmax_t bytes = fs::file_size(file, code);
  if (code) return false;
  const std::optional<Seal> seal = read_seal(file);
  return seal && seal->bytes == bytes;
}

bool is_as_written(const fs::path& file, const std::string& sha256) {
  const std::optional<Seal> seal = read_seal(file);
  return seal && seal->sha256 == sha256;
}

}  // namespace quench::study
