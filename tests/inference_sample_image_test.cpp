// The image that models are timed on: the first of the test images that can be read.
#include "data/sets/memory_dataset.h"
#include "data_testing.h"
#include "inference/evaluate.h"
#include "models/spec.h"

namespace quench::inference {
namespace {

/// Four images of one colour, 10 times their index; those below `damaged` cannot be read.
class Damaged : public data::MemoryDataset {
 public:
  explicit Damaged(int64_t damaged) : MemoryDataset(store()), damaged_(damaged) {}
  data::Sample at(int64_t index) const override {
    if (index < damaged_) throw Error(ErrorKind::data, "damaged: " + std::to_string(index));
    return MemoryDataset::at(index);
  }

 private:
  static data::PixelStore store() {
    data::PixelStore store{32, 32, {}, {}, {"a", "b"}};
    for (int i = 0; i < 4; ++i) {
      store.labels.push_back(i % 2);
      store.pixels.insert(store.pixels.end(), 32 * 32 * 3, static_cast<uint8_t>(10 * i));
    }
    return store;
  }
  int64_t damaged_;
};

TEST(SampleImage, TheFirstThatCanBeRead) {
  const graph::Graph graph = models::build("yolov5n-cls", {.classes = {"a", "b"}, .imgsz = 32});
  for (const int64_t damaged : {0, 1, 3}) {
    const Tensor image = sample_image(Damaged(damaged), graph);
    EXPECT_EQ(image.shape(), (Shape{1, 3, 32, 32}));
    for (const uint8_t pixel : image.values<uint8_t>()) ASSERT_EQ(pixel, 10 * damaged);
  }
  testing::expect_error(ErrorKind::data, {"image"}, [&] { sample_image(Damaged(4), graph); });
}

}  // namespace
}  // namespace quench::inference
