#include "data/sets/picture_set.h"

#include <mutex>
#include <utility>

#include "core/error.h"
#include "core/hash.h"
#include "data/pictures/image_file.h"
#include "data/pictures/image_size.h"
#include "data/sets/file_digests.h"
#include "data/sets/image_folder.h"
#include "data/sets/yolo_split.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

class PictureSet : public Dataset {
 public:
  PictureSet(std::vector<fs::path> files, std::string task, std::shared_ptr<FileDigests> digests)
      : files_(std::move(files)), task_(std::move(task)), digests_(std::move(digests)) {}

  int64_t size() const override { return static_cast<int64_t>(files_.size()); }
  const std::vector<std::string>& classes() const override { return classes_; }
  int32_t label(int64_t) const override { return -1; }
  std::string task() const override { return task_; }
  std::vector<Object> objects(int64_t) const override { return {}; }
  ImageInfo image(int64_t index) const override {
    const ImageSize size = image_size(file(index));
    return {index, file(index).filename().string(), size.height, size.width};
  }
  fs::path file(int64_t index) const override { return files_.at(static_cast<size_t>(index)); }
  Sample at(int64_t index) const override { return {read_image(file(index)), -1, {}}; }
  std::string digest() const override {
    std::call_once(hashed_, [this] {
      Sha256 hash;
      for (const fs::path& file : files_) hash.update(file.filename().string() + " " + digests_->of(file) + "\n");
      digests_->save();
      digest_ = hash.hex();
    });
    return digest_;
  }

 private:
  std::vector<fs::path> files_;
  std::string task_;
  std::shared_ptr<FileDigests> digests_;
  std::vector<std::string> classes_;
  mutable std::once_flag hashed_;
  mutable std::string digest_;
};

}  // namespace

Splits open_pictures(const fs::path& source, const std::string& task, const fs::path& root) {
  const fs::path whole = fs::absolute(source).lexically_normal();
  ImageList list = list_images(std::vector<fs::path>{whole}, {whole.parent_path()});
  const auto set = std::make_shared<PictureSet>(std::vector<fs::path>(list.images.begin(), list.images.end()), task,
                                                std::make_shared<FileDigests>(root));
  const fs::path name = whole.has_filename() ? whole.filename() : whole.parent_path().filename();
  Splits splits{name.stem().string(), set, set, true};
  splits.notes = std::move(list.notes);
  return splits;
}

}  // namespace quench::data
