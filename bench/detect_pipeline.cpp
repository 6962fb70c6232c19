// How many images a processor second (of all threads) the loader makes for detection: letterboxed (evaluation),
// augmented without mosaic (the last epochs), augmented with the default recipe, and that with every mosaic blended
// with another; in turn.
//   detect_pipeline [imgsz=320] [workers=1] [batch=16] [rounds=5] [folder of images]
// Without a folder the sources are 64 noise images of 480 x 640 in memory. A folder's images are decoded at every use,
// and then once more with all of them kept in memory.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "core/rng.h"
#include "data/loading/loader.h"
#include "data/sets/image_folder.h"
#include "interleave.h"

namespace {

namespace fs = std::filesystem;
using quench::Json;
using quench::data::Object;
using quench::data::Sample;

constexpr int64_t kSources = 64;

/// Every image has three objects at seeded places.
class Sources : public quench::data::Dataset {
 public:
  Sources(const fs::path& folder, bool keep) {
    if (!folder.empty()) {
      for (const auto& entry : fs::directory_iterator(folder)) files_.push_back(entry.path());
      std::sort(files_.begin(), files_.end());
      files_.resize(std::min<size_t>(files_.size(), kSources));
      if (!keep) return;
      for (const fs::path& file : files_) kept_.push_back(quench::data::read_image(file));
      return;
    }
    for (int64_t i = 0; i < kSources; ++i) {
      quench::Rng rng(0, "noise", static_cast<uint64_t>(i));
      quench::Tensor& image = kept_.emplace_back(quench::DType::u8, quench::Shape{480, 640, 3});
      for (uint8_t& value : image.mutable_values<uint8_t>()) value = static_cast<uint8_t>(rng.next());
    }
  }
  std::string task() const override { return "detect"; }
  int64_t size() const override { return static_cast<int64_t>(std::max(files_.size(), kept_.size())); }
  const std::vector<std::string>& classes() const override { return classes_; }
  int32_t label(int64_t) const override { return -1; }
  Sample at(int64_t index) const override {
    Sample sample;
    const auto i = static_cast<size_t>(index);
    sample.pixels = kept_.empty() ? quench::data::read_image(files_.at(i)) : kept_.at(i);
    quench::Rng rng(0, "boxes", i);
    const auto height = static_cast<double>(sample.pixels.shape()[0]);
    const auto width = static_cast<double>(sample.pixels.shape()[1]);
    for (int k = 0; k < 3; ++k) {
      Object& object = sample.objects.emplace_back();
      object.box = {width * rng.uniform(0, 0.4), height * rng.uniform(0, 0.4), width * rng.uniform(0.5, 1),
                    height * rng.uniform(0.5, 1)};
      object.label = 0;
    }
    return sample;
  }
  std::string digest() const override { return "bench"; }

 private:
  std::vector<fs::path> files_;
  std::vector<quench::Tensor> kept_;
  std::vector<std::string> classes_{"object"};
};

/// One epoch a step.
quench::bench::Contender contender(const std::string& name, std::shared_ptr<const quench::data::Dataset> sources,
                                   quench::data::LoaderOptions options, const Json& augmentation) {
  options.augment = options.shuffle = !augmentation.is_null();
  options.augmentation = augmentation;
  auto loader = std::make_shared<quench::data::Loader>(std::move(sources), options);
  auto epoch = std::make_shared<int64_t>(0);
  return {name, [loader, epoch] {
            loader->start((*epoch)++);
            while (loader->next()) continue;
          }};
}

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](int i, int fallback) { return argc > i ? std::atoi(argv[i]) : fallback; };
  quench::data::LoaderOptions options;
  options.imgsz = number(1, 320);
  options.workers = number(2, 1);
  options.batch = number(3, 16);
  const int rounds = number(4, 5);
  const fs::path folder = argc > 5 ? argv[5] : "";
  const auto kept = std::make_shared<Sources>(folder, true);
  std::vector<quench::bench::Contender> contenders{
      contender("letterbox", kept, options, nullptr),
      contender("no mosaic", kept, options, Json{{"mosaic", 0.0}}),
      contender("mosaic", kept, options, Json::object()),
      contender("mosaic, mixup", kept, options, Json{{"mosaic_mixup", 1.0}}),
  };
  if (!folder.empty()) {
    const auto decoded = std::make_shared<Sources>(folder, false);
    contenders.push_back(contender("letterbox, decoding", decoded, options, nullptr));
    contenders.push_back(contender("mosaic, decoding", decoded, options, Json::object()));
  }
  quench::bench::interleave(contenders, rounds, 1, kept->size(), quench::bench::Clock::processor);
  return 0;
}
