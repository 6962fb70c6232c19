#include "data/sets/pixel_files.h"

#include <mutex>
#include <optional>
#include <utility>

#include "core/error.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

class PixelFilesSet : public Dataset {
 public:
  PixelFilesSet(PixelFiles files, std::shared_ptr<FileDigests> digests)
      : files_(std::move(files)),
        digests_(std::move(digests)),
        what_(fmt::format("{} {}", files_.name, fs::absolute(files_.files.at(0)).lexically_normal().string())),
        stamp_(stamp_of(files_.files)) {
    known_ = digests_->known(what_, stamp_);
    if (!known_) whole();
  }

  int64_t size() const override { return files_.size >= 0 ? files_.size : whole().size(); }
  const std::vector<std::string>& classes() const override { return files_.classes; }
  int32_t label(int64_t index) const override { return whole().label(index); }
  Sample at(int64_t index) const override { return whole().at(index); }
  std::string digest() const override {
    if (known_) return *known_;
    std::call_once(hashed_, [this] {
      digests_->remember(what_, stamp_, whole().digest());
      digests_->save();
    });
    return whole().digest();
  }

 private:
  const MemoryDataset& whole() const {
    std::call_once(read_, [this] {
      auto read = std::make_unique<const MemoryDataset>(files_.read());
      if (known_ && stamp_of(files_.files).text != stamp_.text) {
        fail(ErrorKind::data, "[data] expected files that stay as they are, got others than at the start ({})",
             files_.files[0].string());
      }
      whole_ = std::move(read);
    });
    return *whole_;
  }

  PixelFiles files_;
  std::shared_ptr<FileDigests> digests_;
  std::string what_;
  FileStamp stamp_;
  std::optional<std::string> known_;  ///< the digest
  mutable std::once_flag read_, hashed_;
  mutable std::unique_ptr<const MemoryDataset> whole_;
};

}  // namespace

std::shared_ptr<const Dataset> open_pixel_files(PixelFiles files, std::shared_ptr<FileDigests> digests) {
  if (!digests) digests = std::make_shared<FileDigests>(fs::path());
  return std::make_shared<PixelFilesSet>(std::move(files), std::move(digests));
}

}  // namespace quench::data
