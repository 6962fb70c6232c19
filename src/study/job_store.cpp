#include "study/job_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "core/clock.h"
#include "core/file.h"
#include "core/json.h"
#include "core/json_text.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostClaimBytes = 64 << 10;
constexpr size_t kMostReasonBytes = 4000;
const std::string_view kClaim = ".claim-";

/// The number in ".claim-3"; 0 where it is no such end.
int64_t claim_number(std::string_view end) {
  if (!end.starts_with(kClaim)) return 0;
  end.remove_prefix(kClaim.size());
  int64_t number = 0;
  const auto [rest, code] = std::from_chars(end.data(), end.data() + end.size(), number);
  return code == std::errc() && rest == end.data() + end.size() ? number : 0;
}

ErrorKind error_kind(const std::string& text) {
  for (const ErrorKind kind : {ErrorKind::config, ErrorKind::data, ErrorKind::io, ErrorKind::unsupported,
                               ErrorKind::backend, ErrorKind::cancelled}) {
    if (text == to_string(kind)) return kind;
  }
  return ErrorKind::backend;
}

JobState mark_state(const std::string& text) {
  for (const JobState state : {JobState::unsupported, JobState::done}) {
    if (text == to_string(state)) return state;
  }
  return JobState::failed;
}

std::optional<JobClaim> claim_of(const std::string& text) {
  try {
    const Json said = parse_json(text, "claim");
    return JobClaim{worker_from(said.at("worker")),      said.at("key").get<std::string>(),
                    said.at("job").get<std::string>(),   said.at("of").get<std::string>(),
                    said.at("since").get<std::string>(), said.at("doing").get<std::string>()};
  } catch (const std::exception&) {
    return std::nullopt;  // torn, or not one of ours
  }
}

}  // namespace

HeldJob::HeldJob(JobStore& store, std::string key, std::string kind, std::string name, int64_t number)
    : store_(store),
      key_(std::move(key)),
      kind_(std::move(kind)),
      name_(std::move(name)),
      since_(utc_now()),
      number_(number) {}

HeldJob::~HeldJob() { release(); }

std::string HeldJob::text(std::string_view doing) const {
  return json_text({{"key", key_},
                    {"job", kind_},
                    {"of", name_},
                    {"since", since_},
                    {"doing", doing},
                    {"worker", to_json(store_.self_)}}) +
         "\n";
}

bool HeldJob::beat(std::string_view doing) {
  store_.operate();
  const fs::path own = store_.file(key_, fmt::format("{}{}", kClaim, number_));
  // Not made again where it is gone.
  const int descriptor = ::open(own.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor < 0) return errno != ENOENT;
  const std::string now = text(doing);
  const bool written = ::pwrite(descriptor, now.data(), now.size(), 0) >= 0;
  if (!written || ::ftruncate(descriptor, static_cast<off_t>(now.size())) != 0) {
    // A full disk: the time is what counts.
  }
  ::futimens(descriptor, nullptr);
  ::close(descriptor);
  store_.operate();
  return ::access(store_.file(key_, fmt::format("{}{}", kClaim, number_ + 1)).c_str(), F_OK) != 0;
}

void HeldJob::remove_claims() noexcept {
  // The oldest first: who looks meanwhile sees the newest until all are gone.
  for (int64_t number = 1; number <= number_; ++number) {
    store_.operate();
    ::unlink(store_.file(key_, fmt::format("{}{}", kClaim, number)).c_str());
  }
}

void HeldJob::finish() {
  store_.operate();
  const fs::path own = store_.file(key_, fmt::format("{}{}", kClaim, number_)), mark = store_.file(key_, ".done");
  if (::rename(own.c_str(), mark.c_str()) != 0) {
    if (errno != ENOENT) {
      quench::fail(ErrorKind::io, "[study.jobs] cannot rename {}: {}", own.string(), std::strerror(errno));
    }
    write_file(mark, text("done"));  // taken for dead meanwhile: done all the same
  }
  --number_;  // of the claims of those that died before
  remove_claims();
  open_ = false;
}

void HeldJob::fail(JobState state, ErrorKind kind, const std::string& reason) {
  const std::string why = reason.substr(0, kMostReasonBytes);
  const std::optional<JobMark> before = store_.read_mark(store_.file(key_, ".tried"));
  const int64_t same = before && before->reason == why && before->state == state ? before->same + 1 : 1;
  store_.operate();
  write_file(store_.file(key_, ".failed"), json_text({{"key", key_},
                                                      {"job", kind_},
                                                      {"of", name_},
                                                      {"state", to_string(state)},
                                                      {"kind", to_string(kind)},
                                                      {"reason", why},
                                                      {"host", store_.self_.host},
                                                      {"time", utc_now()},
                                                      {"same", same}}) +
                                               "\n");
  remove_claims();
  open_ = false;
}

void HeldJob::release() noexcept {
  if (open_) remove_claims();
  open_ = false;
}

JobStore::JobStore(fs::path folder, WorkerIdentity self) : folder_(std::move(folder)), self_(std::move(self)) {}

fs::path JobStore::file(const std::string& key, const std::string& end) const { return folder_ / (name_of(key) + end); }

SeenJobs JobStore::look() const {
  operate();
  DIR* folder = ::opendir(folder_.c_str());
  if (!folder && errno == ENOENT) return {};
  if (!folder) fail(ErrorKind::io, "[study.jobs] cannot read {}: {}", folder_.string(), std::strerror(errno));
  SeenJobs seen;
  while (const dirent* entry = ::readdir(folder)) {
    const std::string_view name = entry->d_name;
    const size_t dot = name.find('.');
    if (dot == 0 || dot == std::string_view::npos) continue;
    const std::string_view end = name.substr(dot);
    const int64_t number = claim_number(end);
    if (number == 0 && end != ".done" && end != ".failed") continue;
    JobSigns& job = seen[std::string(name.substr(0, dot))];
    job.claim = std::max(job.claim, number);
    job.done = job.done || end == ".done";
    job.failed = job.failed || end == ".failed";
  }
  ::closedir(folder);
  return seen;
}

std::unique_ptr<HeldJob> JobStore::take(const Job& job, int64_t dead) {
  return take(job.key, job.kind, job.name, dead);
}

std::unique_ptr<HeldJob> JobStore::take(const std::string& key, const std::string& kind, const std::string& name,
                                        int64_t dead) {
  operate();
  const fs::path own = file(key, fmt::format("{}{}", kClaim, dead + 1));
  const auto make = [&] { return ::open(own.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644); };
  int descriptor = make();
  if (descriptor < 0 && errno == ENOENT) {
    std::error_code code;
    fs::create_directories(folder_, code);
    if (code) fail(ErrorKind::io, "[study.jobs] cannot make {}: {}", folder_.string(), code.message());
    descriptor = make();
  }
  if (descriptor < 0) {
    if (errno == EEXIST) return nullptr;
    fail(ErrorKind::io, "[study.jobs] cannot make {}: {}", own.string(), std::strerror(errno));
  }
  std::unique_ptr<HeldJob> held(new HeldJob(*this, key, kind, name, dead + 1));
  const std::string text = held->text("");
  const bool written = ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(descriptor);
  if (!written) fail(ErrorKind::io, "[study.jobs] cannot write {}: {}", own.string(), std::strerror(errno));
  // Who ended it left the mark before its claim went away, so that a claim that could be made sees the mark.
  for (const char* mark : {".done", ".failed"}) {
    operate();
    if (::access(file(key, mark).c_str(), F_OK) == 0) held->settled_before_ = true;
  }
  return held;
}

std::unique_ptr<HeldJob> JobStore::take_over(const std::string& key, const std::string& kind, const std::string& name,
                                             double stale_seconds) {
  std::unique_ptr<HeldJob> held = take(key, kind, name);
  for (int64_t number = 1; !held && is_dead(key, number, stale_seconds); ++number) held = take(key, kind, name, number);
  return held;
}

bool JobStore::is_dead(const std::string& key, int64_t number, double stale_seconds) {
  const fs::path path = file(key, fmt::format("{}{}", kClaim, number));
  Watched& watched = watched_[path.filename().string()];
  operate();
  // Opened, so that a network file system asks its server for the time.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    watched_.erase(path.filename().string());
    return false;  // gone: a look will tell
  }
  struct stat about {};
  ::fstat(descriptor, &about);
  const int64_t renewed = about.st_mtim.tv_sec * 1'000'000'000 + about.st_mtim.tv_nsec;
  if (!watched.claim) {
    std::string text(kMostClaimBytes, '\0');
    const ssize_t count = ::pread(descriptor, text.data(), text.size(), 0);
    text.resize(count > 0 ? static_cast<size_t>(count) : 0);
    watched.claim = claim_of(text);
  }
  ::close(descriptor);
  if (watched.seen_ns == 0 || renewed != watched.renewed_ns) {
    watched.renewed_ns = renewed;
    watched.seen_ns = now_ns();
  }
  if (watched.claim) {
    if (const std::optional<bool> gone = is_gone(watched.claim->worker, self_)) return *gone;
  }
  return static_cast<double>(now_ns() - watched.seen_ns) > stale_seconds * 1e9;
}

std::optional<JobClaim> JobStore::claim(const std::string& key, int64_t number) const {
  operate();
  try {
    return claim_of(read_file(file(key, fmt::format("{}{}", kClaim, number))));
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::vector<JobClaim> JobStore::claims() const {
  std::vector<JobClaim> all;
  for (const auto& [name, signs] : look()) {
    if (signs.claim == 0) continue;
    std::optional<JobClaim> found = claim(name, signs.claim);
    if (found && !is_gone(found->worker, self_).value_or(false)) all.push_back(std::move(*found));
  }
  return all;
}

std::optional<JobMark> JobStore::read_mark(const fs::path& path) const {
  operate();
  std::error_code code;
  if (!fs::is_regular_file(path, code)) return std::nullopt;
  try {
    const Json said = parse_json(read_file(path), path.string());
    return JobMark{mark_state(said.at("state").get<std::string>()),
                   error_kind(said.at("kind").get<std::string>()),
                   said.at("reason").get<std::string>(),
                   said.value("host", ""),
                   said.value("time", ""),
                   said.value("same", int64_t{1})};
  } catch (const std::exception&) {
    return JobMark{JobState::failed, ErrorKind::backend, "the note of why is torn", "", "", 1};
  }
}

std::optional<JobMark> JobStore::failure(const std::string& key) const { return read_mark(file(key, ".failed")); }

void JobStore::reopen(const std::string& key) {
  operate();
  const fs::path from = file(key, ".failed"), to = file(key, ".tried");
  if (::rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT) {
    fail(ErrorKind::io, "[study.jobs] cannot rename {}: {}", from.string(), std::strerror(errno));
  }
}

void JobStore::forget_done(const std::string& key) {
  operate();
  ::unlink(file(key, ".done").c_str());
}

}  // namespace quench::study
