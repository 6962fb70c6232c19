// In place of transfer.cpp in a build without libcurl.
#include "core/error.h"
#include "fetch/transfer.h"

namespace quench::fetch {

Transferred transfer(const std::string&, const std::filesystem::path&, const LogSink&, const CancelToken*,
                     std::string& reason) {
  reason = "this quench was built without libcurl (Debian's package libcurl4-openssl-dev), which downloads";
  return Transferred::failed;
}

std::filesystem::path version_file(const std::filesystem::path& part) { return part.string() + ".etag"; }

}  // namespace quench::fetch
