#include "fetch/fetch.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/file.h"
#include "core/text.h"
#include "fetch/checksum.h"
#include "fetch/tar.h"
#include "fetch/unzip.h"

namespace quench::fetch {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool is_whole(const sources::Source& source, const fs::path& folder) {
  return std::ranges::all_of(source.contents, [&](const std::string& name) { return is_there(folder / name); });
}

/// Says that an archive of several was unpacked, so that it is not downloaded again where the next one fails.
fs::path unpacked_mark(const sources::File& file, const fs::path& root) {
  return root / file.unpacked_in / ("." + file.name + ".unpacked");
}

bool is_unpacked(const sources::File& file, const fs::path& root) {
  return !file.unpacked_in.empty() && is_there(unpacked_mark(file, root)) &&
         std::ranges::all_of(file.entries,
                             [&](const std::string& name) { return is_there(root / file.unpacked_in / name); });
}

void unpack(const sources::File& file, const fs::path& archive, const fs::path& root, const Options& options) {
  options.log.info(fmt::format("unpacking {}, which is removed then", archive.string()));
  const fs::path folder = root / file.unpacked_in;
  if (file.name.ends_with(".zip")) {
    unzip(archive, folder, file.entries, options.log, options.cancel);
  } else {
    unpack_tar_gz(archive, folder, options.cancel);
  }
  if (!file.unpacked_in.empty()) write_file(unpacked_mark(file, root), "");
}

void fetch_file(const sources::File& file, const fs::path& target, const fs::path& root, const Options& options) {
  if (is_unpacked(file, root)) return;
  obtain(file, target, options);
  if (file.is_archive()) unpack(file, target, root, options);
  if (const std::string sha256 = keep_checksum(file, target); !sha256.empty()) {
    options.log.info(
        fmt::format("no checksum of {} is known; its SHA-256, {}, is kept in {}, and later downloads are "
                    "held against it",
                    file.name, sha256, kept_checksum(target).string()));
  }
  if (file.is_archive()) fs::remove(target);
}

void check_weights(const sources::Source& source, const fs::path& folder, const Options& options) {
  for (const sources::File& file : source.files) {
    const fs::path path = folder / file.name;
    if (const std::string problem = problem_of(file, path, path); !problem.empty()) {
      options.log.warning(
          fmt::format("{} is not the file that is published: {}; it stays as it is (move it away to "
                      "fetch it anew)",
                      path.string(), problem));
    }
  }
}

}  // namespace

fs::path fetch(const sources::Source& source, const fs::path& root, const Options& options) {
  const fs::path folder = root / source.place;
  if (is_whole(source, folder)) {
    options.log.info(fmt::format("{} is already in {}", source.name, folder.string()));
    if (source.kind == sources::Kind::weights) check_weights(source, folder, options);
    return folder;
  }
  options.log.info(source.licence);
  for (const sources::File& file : source.files) {
    fetch_file(file, (file.is_archive() ? root : folder) / file.name, root, options);
  }
  for (const sources::Made& made : source.made) write_file(folder / made.name, made.content);
  for (const std::string& name : source.contents) {
    if (is_there(folder / name)) continue;
    fail(ErrorKind::data, "[fetch] expected {} to be in what was fetched, got no such file", (folder / name).string());
  }
  options.log.info(fmt::format("{} is in {}", source.name, folder.string()));
  return folder;
}

const sources::Source& require_source(const std::string& name, sources::Kind kind) {
  const std::string weights = name.ends_with(".pt") ? name.substr(0, name.size() - 3) : name;
  if (const sources::Source* found = sources::find(kind == sources::Kind::weights ? weights : name, kind))
    return *found;
  const sources::Kind other = kind == sources::Kind::weights ? sources::Kind::data : sources::Kind::weights;
  if (const sources::Source* found = sources::find(name, other)) {
    fail(ErrorKind::config, "[fetch] '{}' is {}: `{}` fetches it", name,
         other == sources::Kind::data ? "a data set" : "a model", sources::command(*found));
  }
  if (kind == sources::Kind::data && name == "cifar100-scenes") return require_source("cifar100", kind);
  if (kind == sources::Kind::data && name == "shapes") {
    fail(ErrorKind::config, "[fetch] shapes is built in: nothing to fetch");
  }
  fail(ErrorKind::config, "[fetch] cannot fetch '{}'{}", name, suggestion(name, sources::names(kind)));
}

}  // namespace quench::fetch
