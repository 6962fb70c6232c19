#include "fetch/unzip.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <zip.h>

#include <algorithm>
#include <array>
#include <memory>
#include <set>

#include "core/error.h"
#include "core/file.h"
#include "core/printable.h"

namespace quench::fetch {
namespace {

namespace fs = std::filesystem;

constexpr zip_int64_t kMostEntries = 1'000'000;
constexpr uint64_t kMostTimes = 200;  // JPEG files do not shrink, JSON and texts do by 5 to 20
constexpr uint64_t kFreeBytes = uint64_t{64} << 20;
constexpr int64_t kReportEvery = 200;  // entries

struct Archive {
  zip_t* zip = nullptr;
  std::string where;

  explicit Archive(const fs::path& path) : where(path.string()) {
    int code = 0;
    zip = zip_open(path.c_str(), ZIP_RDONLY, &code);
    if (zip) return;
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    fail(ErrorKind::data, "[fetch.unzip] expected a whole zip archive, got: {} ({})", reason, where);
  }
  ~Archive() { zip_discard(zip); }
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;
};

struct Entry {
  zip_uint64_t index;
  fs::path name;
  uint64_t bytes;
};

/// Throws where a name would leave the folder that it is unpacked in.
void require_inside(const std::string& name, const std::string& where) {
  const fs::path path(name);
  bool leaves = name.empty() || path.is_absolute() || name.find('\\') != std::string::npos;
  for (const fs::path& part : path) leaves |= part == "..";
  if (leaves) {
    fail(ErrorKind::data, "[fetch.unzip] expected names inside the archive's folder, got '{}' ({})", printable(name),
         where);
  }
}

bool is_link(zip_t* zip, zip_uint64_t index) {
  zip_uint8_t system = 0;
  zip_uint32_t attributes = 0;
  if (zip_file_get_external_attributes(zip, index, 0, &system, &attributes) != 0) return false;
  const mode_t mode = attributes >> 16;
  return system == ZIP_OPSYS_UNIX && mode != 0 && !S_ISREG(mode) && !S_ISDIR(mode) && (mode & S_IFMT) != 0;
}

bool is_wanted(const std::string& name, const std::vector<std::string>& entries) {
  if (name.ends_with('/') || name.starts_with("__MACOSX/")) return false;
  return entries.empty() ||
         std::ranges::any_of(entries, [&](const std::string& begin) { return name.starts_with(begin); });
}

/// What is to be unpacked, with all names and sizes looked at.
std::vector<Entry> entries_of(const Archive& archive, const std::vector<std::string>& wanted, uint64_t archive_bytes) {
  const zip_int64_t count = zip_get_num_entries(archive.zip, 0);
  if (count > kMostEntries) {
    fail(ErrorKind::data, "[fetch.unzip] expected at most {} entries, got {} ({})", kMostEntries, count, archive.where);
  }
  std::vector<Entry> out;
  std::set<fs::path> names;
  uint64_t left = kMostTimes * archive_bytes + kFreeBytes;
  for (zip_int64_t i = 0; i < count; ++i) {
    const auto index = static_cast<zip_uint64_t>(i);
    zip_stat_t info;
    zip_stat_init(&info);
    const char* raw = zip_get_name(archive.zip, index, ZIP_FL_ENC_RAW);
    constexpr zip_uint64_t kWanted = ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD;
    if (!raw || zip_stat_index(archive.zip, index, 0, &info) != 0 || (info.valid & kWanted) != kWanted) {
      fail(ErrorKind::data, "[fetch.unzip] expected entry {} readable, got: {} ({})", i, zip_strerror(archive.zip),
           archive.where);
    }
    const std::string name = raw;
    require_inside(name, archive.where);
    if (is_link(archive.zip, index)) {
      fail(ErrorKind::data, "[fetch.unzip] expected files and folders, got a link or a device, '{}' ({})",
           printable(name), archive.where);
    }
    if (!is_wanted(name, wanted)) continue;
    if ((info.valid & ZIP_STAT_ENCRYPTION_METHOD) && info.encryption_method != ZIP_EM_NONE) {
      fail(ErrorKind::data, "[fetch.unzip] expected entries that are not encrypted, got '{}' ({})", printable(name),
           archive.where);
    }
    if (info.size > left) {
      fail(ErrorKind::data,
           "[fetch.unzip] expected entries of at most {} times the archive's {} bytes, got more with '{}' of {} bytes "
           "({})",
           kMostTimes, archive_bytes, printable(name), info.size, archive.where);
    }
    left -= info.size;
    const fs::path path = fs::path(name).lexically_normal();
    if (!names.insert(path).second) {
      fail(ErrorKind::data, "[fetch.unzip] expected every name once, got '{}' twice ({})", printable(name),
           archive.where);
    }
    out.push_back({index, path, info.size});
  }
  return out;
}

void unpack(const Archive& archive, const Entry& entry, const fs::path& target) {
  const auto damaged = [&](const char* reason) {
    fail(ErrorKind::data, "[fetch.unzip] expected entry '{}' whole, got: {} ({})", printable(entry.name.string()),
         reason, archive.where);
  };
  zip_file_t* file = zip_fopen_index(archive.zip, entry.index, 0);
  if (!file) damaged(zip_strerror(archive.zip));
  const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> closer(file, &zip_fclose);
  NewFile out(target);
  std::array<char, 1 << 16> block;
  uint64_t total = 0;
  for (zip_int64_t got; (got = zip_fread(file, block.data(), block.size())) != 0;) {
    if (got < 0) damaged(zip_file_strerror(file));
    total += static_cast<uint64_t>(got);
    if (total > entry.bytes) damaged("more than its size");
    out.write(std::string_view(block.data(), static_cast<size_t>(got)));
  }
  if (total != entry.bytes) damaged("its end too early");
  out.commit();
}

}  // namespace

int64_t unzip(const fs::path& archive_path, const fs::path& folder, const std::vector<std::string>& wanted,
              const LogSink& log, const CancelToken* cancel) {
  const Archive archive(archive_path);
  const std::vector<Entry> entries = entries_of(archive, wanted, fs::file_size(archive_path));
  int64_t done = 0;
  for (const Entry& entry : entries) {
    if (cancel) cancel->check();
    unpack(archive, entry, folder / entry.name);
    if (++done % kReportEvery == 0) {
      log.show_progress(fmt::format("{}: {} of {} files", archive_path.filename().string(), done, entries.size()));
    }
  }
  return done;
}

}  // namespace quench::fetch
