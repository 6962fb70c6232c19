#include "study/archive.h"

#include <zip.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <set>

#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/gzip.h"
#include "core/hash.h"
#include "core/json_text.h"
#include "platform/host.h"
#include "record/rounds.h"
#include "record/store.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

constexpr const char* kManifest = "manifest.json";
constexpr const char* kFormat = "quench study archive";
constexpr int kVersion = 1;
/// Of one file in an archive: more is not read, whatever it says.
constexpr uint64_t kMostBytes = uint64_t{1} << 31;

using ZipFile = std::unique_ptr<zip_t, decltype(&zip_discard)>;

/// A path within the folder: no root, no way up.
bool stays_inside(const fs::path& path) {
  return !path.empty() && path.is_relative() &&
         std::ranges::none_of(path, [](const fs::path& part) { return part == ".."; });
}

/// The newest record of each cell that the page has.
std::vector<record::Record> records_in(const std::string& lines, const std::string& page, const std::string& where) {
  std::vector<std::string> cells;
  try {
    if (!page.empty()) parse_json(page, where).at("cells").get_to(cells);
  } catch (const Json::exception&) {
    fail(ErrorKind::data, "[study.archive] expected page.json with a list of cells, got another ({})", where);
  }
  return record::of_cells(record::latest(record::load(lines, "records.jsonl").records), cells);
}

/// Whether a gzip file's content has a hash that begins so.
bool is_content_of(const std::string& file, const std::string& begin) {
  try {
    return sha256_hex(gunzip(file, "outcomes")).starts_with(begin);
  } catch (const Error&) {
    return false;
  }
}

/// What is wrong with the files that a record names; `content`: null where there is no such file.
std::vector<std::string> faults_of(const record::Record& record,
                                   const std::function<const std::string*(const std::string&)>& content) {
  std::vector<std::string> faults;
  const std::string cell = record.cell.value_or("?");
  if (record.artifact) {
    const std::string* model = content(*record.artifact);
    if (model == nullptr) {
      faults.push_back(fmt::format("{}: its model {} is missing", cell, *record.artifact));
    } else if (record.model_sha256 && sha256_hex(*model) != *record.model_sha256) {
      faults.push_back(fmt::format("{}: its model {} is not the one that was measured", cell, *record.artifact));
    }
  }
  if (record.outcomes) {
    const std::string* outcomes = content(*record.outcomes);
    const std::string begin = fs::path(*record.outcomes).filename().string().substr(0, 16);
    if (outcomes == nullptr) {
      faults.push_back(fmt::format("{}: its outcomes {} are missing", cell, *record.outcomes));
    } else if (!is_content_of(*outcomes, begin)) {
      faults.push_back(fmt::format("{}: its outcomes {} are not what their name says", cell, *record.outcomes));
    }
  }
  return faults;
}

/// The file that is written, beside the one that it becomes; gone where it does not.
class PartFile {
 public:
  explicit PartFile(const fs::path& file) : path_(file.string() + ".part") { fs::remove(path_); }
  ~PartFile() {
    std::error_code code;
    fs::remove(path_, code);
  }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;
  const fs::path& path() const { return path_; }
  void becomes(const fs::path& file) const { fs::rename(path_, file); }

 private:
  fs::path path_;
};

void add_to(zip_t* archive, const std::string& name, const std::string& content, bool compress) {
  zip_source_t* source = zip_source_buffer(archive, content.data(), content.size(), 0);
  const zip_int64_t index = source ? zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8) : -1;
  if (index < 0) {
    if (source) zip_source_free(source);
    fail(ErrorKind::io, "[study.archive] libzip: {} ({})", zip_strerror(archive), name);
  }
  zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), compress ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
  zip_file_set_mtime(archive, static_cast<zip_uint64_t>(index), 0, 0);
}

}  // namespace

void write_archive(const fs::path& folder, const fs::path& file, const std::string& version, const LogSink& log) {
  const fs::path store = folder / "records.jsonl";
  if (fs::is_directory(file)) {
    fail(ErrorKind::config, "[study.archive] expected a file to write, got the folder {}", file.string());
  }
  if (!fs::is_regular_file(store)) {
    fail(ErrorKind::io, "[study.archive] expected a folder with records.jsonl, got {}", folder.string());
  }
  std::map<std::string, std::string> files{{"records.jsonl", read_file(store)}};
  for (const char* name : {"page.json", "data.json", "report.html"}) {
    if (fs::is_regular_file(folder / name)) files[name] = read_file(folder / name);
  }
  const auto content = [&](const std::string& path) -> const std::string* {
    if (const auto found = files.find(path); found != files.end()) return &found->second;
    if (!stays_inside(path) || !fs::is_regular_file(folder / path)) return nullptr;
    return &(files[path] = read_file(folder / path));
  };
  const std::string page = files.contains("page.json") ? files["page.json"] : std::string();
  const std::vector<record::Record> records = records_in(files["records.jsonl"], page, "page.json");
  for (const record::Record& record : records) {
    const std::vector<std::string> faults = faults_of(record, content);
    if (!faults.empty()) fail(ErrorKind::data, "[study.archive] {} ({})", faults.front(), folder.string());
    if (record.timing_id) content(record::rounds_path(*record.timing_id));  // earlier versions kept none
  }
  Json list = Json::array();
  for (const auto& [path, bytes] : files) {
    list.push_back({{"path", path}, {"bytes", bytes.size()}, {"sha256", sha256_hex(bytes)}});
  }
  const Json manifest{{"format", kFormat},
                      {"version", kVersion},
                      {"study", records.empty() ? Json() : Json(records.front().study.value_or(""))},
                      {"made", utc_now()},
                      {"quench_version", version},
                      {"host", platform::one_line(platform::detect_host())},
                      {"files", list}};
  const std::string manifest_text = json_text(manifest, 2) + "\n";
  const PartFile part(file);
  int code = 0;
  ZipFile archive(zip_open(part.path().c_str(), ZIP_CREATE | ZIP_EXCL, &code), &zip_discard);
  if (!archive) fail(ErrorKind::io, "[study.archive] cannot write {}", file.string());
  add_to(archive.get(), kManifest, manifest_text, true);
  for (const auto& [path, bytes] : files) add_to(archive.get(), path, bytes, !path.ends_with(".gz"));
  if (zip_close(archive.get()) != 0) {
    const std::string reason = zip_strerror(archive.get());
    fail(ErrorKind::io, "[study.archive] cannot write {}: {}", file.string(), reason);
  }
  archive.release();  // zip_close has freed it
  part.becomes(file);
  log.info(fmt::format("wrote {}: {} records, {} files, sha256 {}", file.string(), records.size(), files.size(),
                       sha256_file(file)));
}

Archive::Archive(const fs::path& file) : where_(file.string()) {
  if (!fs::is_regular_file(file)) fail(ErrorKind::io, "[study.archive] expected an archive, got no file {}", where_);
  int code = 0;
  const ZipFile archive(zip_open(file.c_str(), ZIP_RDONLY, &code), &zip_discard);
  const auto wrong = [&](const std::string& what) {
    fail(ErrorKind::data, "[study.archive] expected an archive that `study archive` wrote, got {} ({})", what, where_);
  };
  if (!archive) wrong("a file that is none or is cut off");
  std::string manifest;
  const zip_int64_t count = zip_get_num_entries(archive.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    zip_stat_t info;
    zip_stat_init(&info);
    if (zip_stat_index(archive.get(), static_cast<zip_uint64_t>(i), 0, &info) != 0 || !(info.valid & ZIP_STAT_SIZE) ||
        info.size > kMostBytes) {
      wrong("an entry that cannot be read");
    }
    const std::string name = info.name;
    std::string bytes(info.size, '\0');
    zip_file_t* opened = zip_fopen_index(archive.get(), static_cast<zip_uint64_t>(i), 0);
    const zip_int64_t got = opened ? zip_fread(opened, bytes.data(), bytes.size()) : -1;
    const bool whole = opened && zip_fclose(opened) == 0 && got == static_cast<zip_int64_t>(info.size);
    if (!whole) bytes = "";  // a checksum of zip that does not hold: the manifest's will not either
    if (name == kManifest) {
      manifest = bytes;
    } else if (!stays_inside(name) || !files_.emplace(name, std::move(bytes)).second) {
      wrong(fmt::format("an entry '{}'", name));
    }
  }
  const auto parsed = try_parse_json(manifest);
  if (!parsed || !parsed->is_object() || parsed->value("format", Json()) != kFormat) wrong("one without a manifest");
  if (const Json version = parsed->value("version", Json()); version != kVersion) wrong("version " + version.dump());
  manifest_ = *parsed;
  if (!manifest_.contains("files") || !manifest_["files"].is_array() || !files_.contains("records.jsonl")) {
    wrong("one without records");
  }
}

const std::string& Archive::content(const std::string& path) const {
  const auto found = files_.find(path);
  if (found == files_.end())
    fail(ErrorKind::data, "[study.archive] expected {} in it, got no such file ({})", path, where_);
  return found->second;
}

std::vector<record::Record> Archive::records() const {
  return records_in(content("records.jsonl"), files_.contains("page.json") ? content("page.json") : "", where_);
}

std::vector<std::string> Archive::file_faults() const {
  std::vector<std::string> faults;
  std::set<std::string> known;
  for (const Json& entry : manifest_["files"]) {
    const auto text_at = [&](const char* key) {
      const Json value = entry.is_object() ? entry.value(key, Json()) : Json();
      return value.is_string() ? value.get<std::string>() : std::string();
    };
    const std::string path = text_at("path"), sha256 = text_at("sha256");
    known.insert(path);
    const auto found = files_.find(path);
    if (found == files_.end()) {
      faults.push_back(fmt::format("{} is missing", path));
    } else if (sha256_hex(found->second) != sha256) {
      faults.push_back(fmt::format("{} is not as it was written", path));
    }
  }
  for (const auto& [path, bytes] : files_) {
    if (!known.contains(path)) faults.push_back(fmt::format("{} is not in the manifest", path));
  }
  for (const record::Record& record : records()) {
    const std::vector<std::string> own = faults_of(record, [&](const std::string& path) -> const std::string* {
      const auto found = files_.find(path);
      return found == files_.end() ? nullptr : &found->second;
    });
    faults.insert(faults.end(), own.begin(), own.end());
  }
  return faults;
}

}  // namespace quench::study
