// One file over libcurl: resumed, checked, renamed into place.
#include <curl/curl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>

#include "core/clock.h"
#include "core/error.h"
#include "data/sets/fetch.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

constexpr long kConnectSeconds = 30;
constexpr long kStallSeconds = 60;  // without a byte
constexpr int64_t kReportEvery_ns = 200'000'000;

struct Transfer {
  CURL* curl = nullptr;
  FILE* part = nullptr;
  curl_off_t already = 0;  ///< bytes of the part before this try
  bool checked = false;    ///< whether the answer to the range request was looked at
  int write_error = 0;
  const RemoteFile* file = nullptr;
  const LogSink* log = nullptr;
  const CancelToken* cancel = nullptr;
  int64_t reported_ns = 0;
};

size_t on_data(char* bytes, size_t, size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (!transfer.checked) {
    transfer.checked = true;
    long code = 0;
    curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &code);
    if (code == 200 && transfer.already > 0) {  // the server sends the whole file: begin anew
      transfer.already = 0;
      if (std::fflush(transfer.part) != 0 || ::ftruncate(::fileno(transfer.part), 0) != 0) {
        transfer.write_error = errno;
        return 0;
      }
      std::rewind(transfer.part);
    }
  }
  const size_t written = std::fwrite(bytes, 1, size, transfer.part);
  if (written != size) transfer.write_error = errno;
  return written;
}

int on_progress(void* user, curl_off_t total, curl_off_t now, curl_off_t, curl_off_t) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (transfer.cancel && transfer.cancel->cancelled()) return 1;
  if (now_ns() - transfer.reported_ns > kReportEvery_ns && now > 0) {
    transfer.reported_ns = now_ns();
    const double megabytes = static_cast<double>(transfer.already + now) / 1e6;
    const double whole = static_cast<double>(transfer.already + total) / 1e6;
    transfer.log->show_progress(total > 0
                                    ? fmt::format("{}: {:.1f} of {:.1f} MB", transfer.file->name, megabytes, whole)
                                    : fmt::format("{}: {:.1f} MB", transfer.file->name, megabytes));
  }
  return 0;
}

std::string host_of(const std::string& url) {
  std::string host = url;
  if (std::unique_ptr<CURLU, void (*)(CURLU*)> parsed(curl_url(), curl_url_cleanup); parsed) {
    char* part = nullptr;
    if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) == CURLUE_OK &&
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
  if (code != CURLE_OK) fail(ErrorKind::backend, "[data.fetch] libcurl: {}", curl_easy_strerror(code));
}

/// Appends what is missing to the part.
void transfer_to(const fs::path& part, const RemoteFile& file, const LogSink& log, const CancelToken* cancel) {
  const std::string url = file.url + file.name;
  std::unique_ptr<FILE, int (*)(FILE*)> out(std::fopen(part.c_str(), "ab"), &std::fclose);
  if (!out) fail(ErrorKind::io, "[data.fetch] cannot write {}: {}", part.string(), std::strerror(errno));
  std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  ensure(curl != nullptr, "[data.fetch] libcurl gave no handle");
  Transfer transfer{curl.get(), out.get(), static_cast<curl_off_t>(fs::file_size(part))};
  transfer.file = &file;
  transfer.log = &log;
  transfer.cancel = cancel;
  char reason[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https,file");
  curl_easy_setopt(curl.get(), CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_MAXREDIRS, 10L);
  curl_easy_setopt(curl.get(), CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_TIME, kStallSeconds);
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, reason);
  curl_easy_setopt(curl.get(), CURLOPT_RESUME_FROM_LARGE, transfer.already);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &on_data);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, &on_progress);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFODATA, &transfer);
  const CURLcode code = curl_easy_perform(curl.get());
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  const bool closed = std::fclose(out.release()) == 0;
  if (cancel) cancel->check();
  if (transfer.write_error || !closed) {
    fail(ErrorKind::io, "[data.fetch] cannot write {}: {}", part.string(),
         std::strerror(transfer.write_error ? transfer.write_error : errno));
  }
  // "Range not satisfiable": the part is already as long as the file, or longer. The checksum tells.
  if (code == CURLE_OK || (status == 416 && transfer.already > 0)) return;
  if (code == CURLE_BAD_DOWNLOAD_RESUME || (code == CURLE_RANGE_ERROR && transfer.already > 0)) return;
  fail(ErrorKind::io, "[data.fetch] cannot get {} from {}: {} (what came is kept in {} and continued next time)", url,
       host_of(url), *reason ? reason : curl_easy_strerror(code), part.string());
}

}  // namespace

void download(const RemoteFile& file, const fs::path& target, const LogSink& log, const CancelToken* cancel) {
  require_curl();
  std::error_code failed;
  fs::create_directories(target.parent_path(), failed);
  if (failed) {
    fail(ErrorKind::io, "[data.fetch] cannot create {}: {}", target.parent_path().string(), failed.message());
  }
  const fs::path part = target.string() + ".part";
  // A part from another version of the file cannot end well: begin anew once.
  for (bool resumed = fs::exists(part) && fs::file_size(part) > 0;; resumed = false) {
    if (cancel) cancel->check();
    log.info(fmt::format("{} {}", resumed ? "continuing" : "downloading", file.url + file.name));
    transfer_to(part, file, log, cancel);
    const std::string md5 = md5_file(part);
    if (md5 == file.md5) break;
    const auto bytes = fs::file_size(part);
    fs::remove(part);
    if (!resumed) {
      fail(ErrorKind::data, "[data.fetch] expected MD5 {}, got {} ({}, {} bytes; removed)", file.md5, md5,
           file.url + file.name, bytes);
    }
    log.warning(fmt::format("{}: what an earlier try left does not fit; beginning anew", file.name));
  }
  fs::rename(part, target, failed);
  if (failed) fail(ErrorKind::io, "[data.fetch] cannot write {}: {}", target.string(), failed.message());
}

}  // namespace quench::data
