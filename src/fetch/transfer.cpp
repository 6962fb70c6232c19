// One file over libcurl: continued where a part of it is here.
#include "fetch/transfer.h"

#include <curl/curl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>

#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/text.h"

namespace quench::fetch {
namespace {

namespace fs = std::filesystem;

constexpr long kConnectSeconds = 30;
constexpr long kStallSeconds = 60;  // without a byte
constexpr int64_t kReportEvery_ns = 200'000'000;
constexpr size_t kLongestVersion = 1000;

/// What the last answer's header says.
struct Answer {
  std::string etag;           ///< strong ones alone: others cannot continue a download
  std::string last_modified;  ///< a date
  std::optional<int64_t> range_begin;
  std::optional<int64_t> whole_bytes;  ///< of "bytes 5-9/10" and of "bytes */10"
};

struct Try {
  CURL* curl = nullptr;
  FILE* part = nullptr;
  int64_t already = 0;  ///< bytes of the part before this try
  Answer answer;
  bool checked = false;  ///< whether the answer to the request was looked at
  bool refused = false;
  int write_error = 0;
  fs::path version;
  std::string name;
  const LogSink* log = nullptr;
  const CancelToken* cancel = nullptr;
  int64_t reported_ns = 0;
};

std::string trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t"), end = text.find_last_not_of(" \t\r\n");
  return begin == std::string_view::npos || end == std::string_view::npos
             ? ""
             : std::string(text.substr(begin, end + 1 - begin));
}

std::optional<int64_t> number(std::string_view text) {
  int64_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  return status == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// "bytes 5-9/10", "bytes */10".
void read_range(std::string_view text, Answer& answer) {
  if (!text.starts_with("bytes ")) return;
  text.remove_prefix(6);
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return;
  answer.whole_bytes = number(text.substr(slash + 1));
  answer.range_begin = number(text.substr(0, text.find('-')));
}

size_t on_header(char* bytes, size_t, size_t size, void* user) {
  auto& current = *static_cast<Try*>(user);
  const std::string_view line(bytes, size);
  if (line.starts_with("HTTP/")) current.answer = {};  // a redirect's header came before
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  const std::string name = lower(line.substr(0, colon));
  const std::string value = trimmed(line.substr(colon + 1));
  if (name == "etag" && value.starts_with('"') && value.size() < kLongestVersion) current.answer.etag = value;
  if (name == "last-modified" && value.size() < kLongestVersion) current.answer.last_modified = value;
  if (name == "content-range") read_range(value, current.answer);
  return size;
}

/// The whole file comes: the part begins anew, and what tells its version is kept.
void begin_anew(Try& current) {
  if (current.already > 0) {
    current.already = 0;
    if (std::fflush(current.part) != 0 || ::ftruncate(::fileno(current.part), 0) != 0) {
      current.write_error = errno;
      return;
    }
    std::rewind(current.part);
  }
  const Answer& answer = current.answer;
  const std::string& version = answer.etag.empty() ? answer.last_modified : answer.etag;
  std::error_code ignored;
  fs::remove(current.version, ignored);
  if (!version.empty()) std::ofstream(current.version) << version;  // not written: begun anew the next time
}

size_t on_data(char* bytes, size_t, size_t size, void* user) {
  auto& current = *static_cast<Try*>(user);
  if (!current.checked) {
    current.checked = true;
    long code = 0;
    curl_easy_getinfo(current.curl, CURLINFO_RESPONSE_CODE, &code);
    if (code == 200) begin_anew(current);
    if (code == 206 && current.answer.range_begin != current.already) current.refused = true;
    if (current.write_error || current.refused) return 0;
  }
  const size_t written = std::fwrite(bytes, 1, size, current.part);
  if (written != size) current.write_error = errno;
  return written;
}

int on_progress(void* user, curl_off_t total, curl_off_t now, curl_off_t, curl_off_t) {
  auto& current = *static_cast<Try*>(user);
  if (current.cancel && current.cancel->cancelled()) return 1;
  if (now_ns() - current.reported_ns > kReportEvery_ns && now > 0) {
    current.reported_ns = now_ns();
    const double megabytes = static_cast<double>(current.already + now) / 1e6;
    const double whole = static_cast<double>(current.already + total) / 1e6;
    current.log->show_progress(total > 0 ? fmt::format("{}: {:.1f} of {:.1f} MB", current.name, megabytes, whole)
                                         : fmt::format("{}: {:.1f} MB", current.name, megabytes));
  }
  return 0;
}

std::string host_of(const std::string& address) {
  std::string host = address;
  if (std::unique_ptr<CURLU, void (*)(CURLU*)> parsed(curl_url(), curl_url_cleanup); parsed) {
    char* part = nullptr;
    if (curl_url_set(parsed.get(), CURLUPART_URL, address.c_str(), 0) == CURLUE_OK &&
        curl_url_get(parsed.get(), CURLUPART_HOST, &part, 0) == CURLUE_OK) {
      if (*part) host = part;
      curl_free(part);
    }
  }
  return host;
}

void require_curl() {
  static std::once_flag once;
  static CURLcode code = CURLE_OK;
  std::call_once(once, [] { code = curl_global_init(CURL_GLOBAL_DEFAULT); });
  if (code != CURLE_OK) fail(ErrorKind::backend, "[fetch] libcurl: {}", curl_easy_strerror(code));
}

using Headers = std::unique_ptr<curl_slist, void (*)(curl_slist*)>;

/// Asks for the rest of what is here, where it is of the same version.
Headers ask_for_the_rest(const Try& current) {
  Headers headers(nullptr, &curl_slist_free_all);
  if (current.already == 0) return headers;
  curl_easy_setopt(current.curl, CURLOPT_RANGE, fmt::format("{}-", current.already).c_str());
  std::error_code ignored;
  if (!fs::is_regular_file(current.version, ignored)) return headers;
  const std::string version = read_file(current.version);
  const bool printable = version.find_first_of("\r\n") == std::string::npos && version.size() < kLongestVersion;
  if (printable) headers.reset(curl_slist_append(nullptr, ("If-Range: " + version).c_str()));
  curl_easy_setopt(current.curl, CURLOPT_HTTPHEADER, headers.get());
  return headers;
}

void set_up(const std::string& address, Try& current, char* reason) {
  CURL* curl = current.curl;
  curl_easy_setopt(curl, CURLOPT_URL, address.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, address.starts_with("https:") ? "https" : "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 10L);
  curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, kStallSeconds);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &current);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &on_data);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &current);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &current);
}

}  // namespace

fs::path version_file(const fs::path& part) { return part.string() + ".etag"; }

Transferred transfer(const std::string& address, const fs::path& part, const LogSink& log, const CancelToken* cancel,
                     std::string& reason) {
  require_curl();
  std::unique_ptr<FILE, int (*)(FILE*)> out(std::fopen(part.c_str(), "ab"), &std::fclose);
  if (!out) fail(ErrorKind::io, "[fetch] cannot write {}: {}", part.string(), std::strerror(errno));
  std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  ensure(curl != nullptr, "[fetch] libcurl gave no handle");
  Try current;
  current.curl = curl.get();
  current.part = out.get();
  current.already = static_cast<int64_t>(fs::file_size(part));
  current.version = version_file(part);
  current.name = address.substr(address.rfind('/') + 1);
  current.log = &log;
  current.cancel = cancel;
  char said[CURL_ERROR_SIZE] = "";
  set_up(address, current, said);
  const Headers headers = ask_for_the_rest(current);
  const int64_t before = current.already;
  const CURLcode code = curl_easy_perform(curl.get());
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (code == CURLE_OK && status == 200 && !current.checked) begin_anew(current);  // an empty file
  const bool closed = std::fclose(out.release()) == 0;
  if (cancel) cancel->check();
  if (current.write_error || !closed) {
    fail(ErrorKind::io, "[fetch] cannot write {}: {}", part.string(),
         std::strerror(current.write_error ? current.write_error : errno));
  }
  if (current.refused) return Transferred::refused;
  // "Range not satisfiable": the part is already as long as the file, or longer.
  if (status == 416 && before > 0) {
    return current.answer.whole_bytes == before ? Transferred::whole : Transferred::refused;
  }
  if (code == CURLE_OK) return Transferred::whole;
  reason = fmt::format("{}: {}", host_of(address), *said ? said : curl_easy_strerror(code));
  return Transferred::failed;
}

}  // namespace quench::fetch
