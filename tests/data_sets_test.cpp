// On the real data sets, where they are: $QUENCH_DATA, else ~/.cache/quench; Debian's dataset-fashion-mnist.
#include <cstdlib>
#include <numeric>

#include "data/sets/catalog.h"
#include "data/sets/dataset.h"
#include "data_testing.h"

namespace quench::data {
namespace {

std::filesystem::path root() { return default_root(std::getenv("QUENCH_DATA"), std::getenv("HOME")); }

std::string place_of(const std::string& name) {
  for (const CatalogEntry& entry : catalog(root())) {
    if (entry.name == name) return entry.found;
  }
  return {};
}

double mean_of(const Dataset& dataset, int channel) {
  double sum = 0;
  int64_t count = 0;
  for (int64_t i = 0; i < dataset.size(); ++i) {
    const Sample sample = dataset.at(i);
    const auto pixels = sample.pixels.values<uint8_t>();
    uint64_t total = 0;
    for (size_t p = static_cast<size_t>(channel); p < pixels.size(); p += 3) total += pixels[p];
    sum += static_cast<double>(total);
    count += static_cast<int64_t>(pixels.size() / 3);
  }
  return sum / static_cast<double>(count) / 255;
}

std::vector<int64_t> class_counts(const Dataset& dataset) {
  std::vector<int64_t> counts(dataset.classes().size());
  for (int64_t i = 0; i < dataset.size(); ++i) ++counts[static_cast<size_t>(dataset.label(i))];
  return counts;
}

TEST(RealSets, Cifar100) {
  if (place_of("cifar100").empty()) GTEST_SKIP() << "no cifar100 below " << root();
  const Splits splits = open("cifar100", root());
  ASSERT_EQ(splits.train->size(), 50000);
  ASSERT_EQ(splits.test->size(), 10000);
  EXPECT_EQ(class_counts(*splits.train), std::vector<int64_t>(100, 500));
  EXPECT_EQ(class_counts(*splits.test), std::vector<int64_t>(100, 100));
  EXPECT_EQ(splits.train->classes().front(), "apple");
  EXPECT_EQ(splits.train->classes().back(), "worm");
  // Channel means of the training set that everybody normalizes with: 0.5071, 0.4865 (or 0.4867), 0.4409.
  EXPECT_NEAR(mean_of(*splits.train, 0), 0.5071, 1e-4);
  EXPECT_NEAR(mean_of(*splits.train, 1), 0.4866, 2e-4);
  EXPECT_NEAR(mean_of(*splits.train, 2), 0.4409, 1e-4);
}

TEST(RealSets, Cifar10) {
  if (place_of("cifar10").empty()) GTEST_SKIP() << "no cifar10 below " << root();
  const Splits splits = open("cifar10", root());
  EXPECT_EQ(class_counts(*splits.train), std::vector<int64_t>(10, 5000));
  EXPECT_EQ(class_counts(*splits.test), std::vector<int64_t>(10, 1000));
  EXPECT_NEAR(mean_of(*splits.train, 0), 0.4914, 1e-4);
}

TEST(RealSets, FashionMnist) {
  if (place_of("fashion-mnist").empty()) GTEST_SKIP() << "no fashion-mnist below " << root() << " or in the system";
  const Splits splits = open("fashion-mnist", root());
  EXPECT_EQ(class_counts(*splits.train), std::vector<int64_t>(10, 6000));
  EXPECT_EQ(class_counts(*splits.test), std::vector<int64_t>(10, 1000));
  EXPECT_NEAR(mean_of(*splits.train, 1), 0.2860, 1e-4);  // the mean that everybody normalizes with
}

}  // namespace
}  // namespace quench::data
