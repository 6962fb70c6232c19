#include "fetch/obtain.h"

#include <fmt/format.h>

#include <array>
#include <fstream>

#include "core/error.h"
#include "fetch/checksum.h"
#include "fetch/transfer.h"

namespace quench::fetch {
namespace {

namespace fs = std::filesystem;

bool is_address(const std::string& from) { return from.find("://") != std::string::npos; }

/// The folder that `from` names; empty: it is an address of a server.
fs::path folder_of(const std::string& from) {
  if (from.empty()) return {};
  if (!is_address(from) || from.starts_with("file://")) {
    const fs::path folder = from.starts_with("file://") ? from.substr(7) : from;
    if (!fs::is_directory(folder)) {
      fail(ErrorKind::config, "[fetch] expected a folder or an address (https://...) to fetch from, got '{}'", from);
    }
    return folder;
  }
  if (!from.starts_with("http://") && !from.starts_with("https://")) {
    fail(ErrorKind::config, "[fetch] expected an address with http://, https:// or file://, got '{}'", from);
  }
  return {};
}

std::string address_of(const sources::File& file, const Options& options) {
  if (options.from.empty()) return file.address();
  return options.from + (options.from.ends_with('/') ? "" : "/") + file.name;
}

/// Copies a file of a mirror that is a folder.
Transferred copy(const fs::path& source, const fs::path& part, const CancelToken* cancel, std::string& reason) {
  std::ifstream in(source, std::ios::binary);
  if (!in) {
    reason = "there is no such file";
    return Transferred::failed;
  }
  std::ofstream out(part, std::ios::binary | std::ios::trunc);
  std::array<char, 1 << 16> block;
  while (in.read(block.data(), block.size()) || in.gcount() > 0) {
    if (cancel) cancel->check();
    out.write(block.data(), in.gcount());
  }
  out.close();
  if (!out) fail(ErrorKind::io, "[fetch] cannot write {}", part.string());
  return Transferred::whole;
}

void create_folder(const fs::path& folder) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) fail(ErrorKind::io, "[fetch] cannot create {}: {}", folder.string(), failed.message());
}

void move_file(const fs::path& from, const fs::path& to) {
  std::error_code failed;
  fs::rename(from, to, failed);
  if (failed) fail(ErrorKind::io, "[fetch] cannot write {}: {}", to.string(), failed.message());
}

/// The whole file in `part`, checked; what does not fit is put aside.
void fill(const fs::path& part, const sources::File& file, const fs::path& target, const Options& options) {
  const fs::path mirror = folder_of(options.from);
  const std::string address = mirror.empty() ? address_of(file, options) : (mirror / file.name).string();
  std::error_code ignored;
  // A part of another version of the file cannot end well: begin anew once.
  for (bool resumed = mirror.empty() && fs::exists(part, ignored) && fs::file_size(part, ignored) > 0;;
       resumed = false) {
    if (options.cancel) options.cancel->check();
    options.log.info(fmt::format("{} {}", resumed ? "continuing" : "downloading", address));
    std::string reason;
    const Transferred outcome = mirror.empty() ? transfer(address, part, options.log, options.cancel, reason)
                                               : copy(mirror / file.name, part, options.cancel, reason);
    if (outcome == Transferred::failed) {
      const bool kept = fs::exists(part, ignored) && fs::file_size(part, ignored) > 0;
      fail(ErrorKind::io, "[fetch] cannot get {}: {}.{} By hand: put the file at {}, then give the command again",
           address, reason, kept ? fmt::format(" What came is in {}, and is continued next time.", part.string()) : "",
           target.string());
    }
    const bool refused = outcome == Transferred::refused;
    std::string problem = refused && !checksum_is_known(file, target)
                              ? "the server says that it is no beginning of the file"
                              : problem_of(file, part, target);
    fs::remove(version_file(part), ignored);
    if (problem.empty()) return;
    const fs::path aside = put_aside(part);
    if (!resumed) {
      fail(ErrorKind::data, "[fetch] {} ({}); what came is kept in {}", problem, address, aside.string());
    }
    options.log.warning(
        fmt::format("{}: what an earlier try left does not fit ({}); it is kept in {}, and the download "
                    "begins anew",
                    file.name, problem, aside.string()));
  }
}

}  // namespace

fs::path put_aside(const fs::path& file) {
  const std::string first = file.string() + ".wrong";
  fs::path name = first;
  for (int i = 2; fs::exists(name); ++i) name = fmt::format("{}-{}", first, i);
  move_file(file, name);
  return name;
}

void obtain(const sources::File& file, const fs::path& target, const Options& options) {
  std::error_code ignored;
  std::string problem;
  if (fs::is_regular_file(target, ignored)) {
    problem = problem_of(file, target, target);
    if (problem.empty()) return;
  }
  create_folder(target.parent_path());
  const fs::path part = target.string() + ".part";
  fill(part, file, target, options);
  if (!problem.empty()) {
    options.log.warning(fmt::format("{}: {}; the file is kept as {}, and a new one takes its place", target.string(),
                                    problem, put_aside(target).string()));
  }
  move_file(part, target);
}

}  // namespace quench::fetch
