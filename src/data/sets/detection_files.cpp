#include "data/sets/detection_files.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/error.h"
#include "core/hash.h"
#include "data/sets/image_folder.h"

namespace quench::data {
namespace {

class DetectionSet : public Dataset {
 public:
  DetectionSet(DetectionFiles files, std::shared_ptr<ImageCache> cache, std::shared_ptr<FileDigests> digests)
      : files_(std::move(files)),
        cache_(std::move(cache)),
        digests_(digests ? std::move(digests) : std::make_shared<FileDigests>(std::filesystem::path())) {}

  int64_t size() const override { return static_cast<int64_t>(files_.images.size()); }
  const std::vector<std::string>& classes() const override { return files_.classes; }
  int32_t label(int64_t) const override { return -1; }
  std::string task() const override { return "detect"; }
  std::vector<Object> objects(int64_t index) const override { return entry(index).objects; }
  ImageInfo image(int64_t index) const override { return entry(index).info; }
  std::filesystem::path file(int64_t index) const override { return entry(index).path; }
  std::vector<int64_t> category_ids() const override {
    return files_.category_ids.empty() ? Dataset::category_ids() : files_.category_ids;
  }
  std::vector<LabelIssue> issues() const override { return files_.issues; }

  Sample at(int64_t index) const override {
    const DetectionImage& image = entry(index);
    Sample sample{cache_->get(image.path), -1, image.objects};
    const Shape expected{image.info.height, image.info.width, 3};
    if (sample.pixels.shape() != expected) {
      fail(ErrorKind::data, "[data.detection] expected {} as when the data set was opened, got {} ({})",
           to_string(expected), to_string(sample.pixels.shape()), image.path.string());
    }
    return sample;
  }

  std::string digest() const override {
    std::call_once(hashed_, [this] {
      Sha256 hash;
      for (const std::string& name : files_.classes) hash.update(name + "\n");
      for (int64_t id : files_.category_ids) hash.update(fmt::format("{}\n", id));
      for (const DetectionImage& image : files_.images) {
        hash.update(fmt::format("{} {} {}\n", image.info.name, image.info.id, digests_->of(image.path)));
        for (const Object& object : image.objects) {
          const Box& box = object.box;
          hash.update(fmt::format("{} {} {} {} {} {} {}\n", object.label, object.crowd, box.x1, box.y1, box.x2, box.y2,
                                  object.area));
        }
      }
      digests_->save();
      digest_ = hash.hex();
    });
    return digest_;
  }

 private:
  const DetectionImage& entry(int64_t index) const {
    ensure(index >= 0 && index < size(), "[data.detection] expected an index below {}, got {}", size(), index);
    return files_.images[static_cast<size_t>(index)];
  }

  DetectionFiles files_;
  std::shared_ptr<ImageCache> cache_;
  std::shared_ptr<FileDigests> digests_;
  mutable std::once_flag hashed_;
  mutable std::string digest_;
};

}  // namespace

Tensor ImageCache::get(const std::filesystem::path& path) {
  const std::string key = path.string();
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = images_.find(key); found != images_.end()) return found->second;
  }
  Tensor pixels = read_image(path);
  const auto bytes = static_cast<int64_t>(pixels.size_bytes());
  const std::lock_guard lock(mutex_);
  if (size_bytes_ + bytes <= limit_bytes_ && images_.emplace(key, pixels).second) size_bytes_ += bytes;
  return pixels;
}

int64_t ImageCache::size_bytes() const {
  const std::lock_guard lock(mutex_);
  return size_bytes_;
}

std::shared_ptr<const Dataset> detection_set(DetectionFiles files, std::shared_ptr<ImageCache> cache,
                                             std::shared_ptr<FileDigests> digests) {
  if (files.images.empty()) {
    const std::string first =
        files.issues.empty() ? "none" : files.issues.front().file + ": " + files.issues.front().problem;
    fail(ErrorKind::data, "[data.detection] expected images, got none that can be used (first issue: {})", first);
  }
  std::stable_sort(files.issues.begin(), files.issues.end(), [](const LabelIssue& a, const LabelIssue& b) {
    return std::tie(a.file, a.line) < std::tie(b.file, b.line);
  });
  return std::make_shared<DetectionSet>(std::move(files), std::move(cache), std::move(digests));
}

std::vector<std::string> numbered_classes(int64_t count) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < count; ++i) names.push_back(fmt::format("class_{}", i));
  return names;
}

}  // namespace quench::data
