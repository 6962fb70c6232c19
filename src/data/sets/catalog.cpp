#include "data/sets/catalog.h"

#include <algorithm>

#include "data/sets/cifar.h"
#include "data/sets/idx.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

std::string first_with(const std::vector<fs::path>& places, const std::vector<std::string>& files) {
  for (const fs::path& place : places) {
    const bool found = std::any_of(files.begin(), files.end(), [&](const auto& f) { return fs::exists(place / f); });
    if (found) return place.string();
  }
  return {};
}

}  // namespace

std::vector<std::string> built_in_names() {
  return {"cifar100", "cifar10", "fashion-mnist", "shapes", "cifar100-scenes", "coco128", "coco-val"};
}

std::vector<CatalogEntry> catalog(const fs::path& root) {
  const CifarLayout cifar100 = cifar100_layout(), cifar10 = cifar10_layout();
  return {
      {"cifar100", "50,000 + 10,000 colour photos, 32x32, 100 classes (Krizhevsky 2009)",
       first_with(cifar_places(cifar100, root), cifar100.train_files), "quench data fetch cifar100"},
      {"cifar10", "50,000 + 10,000 colour photos, 32x32, 10 classes (Krizhevsky 2009)",
       first_with(cifar_places(cifar10, root), cifar10.train_files), "quench data fetch cifar10"},
      {"fashion-mnist", "60,000 + 10,000 gray pictures of clothes, 28x28, 10 classes (Xiao et al. 2017)",
       first_with(fashion_mnist_places(root), {"train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"}),
       "apt install dataset-fashion-mnist, or quench data fetch fashion-mnist"},
      {"shapes", "5,000 + 1,000 drawn shapes on textures, 64x64, 10 classes (procedural)", "built in", ""},
      {"cifar100-scenes",
       "8,000 + 1,000 scenes of CIFAR-100's photos with their boxes, 320x320, 20 classes (procedural)",
       first_with(cifar_places(cifar100, root), cifar100.train_files), "quench data fetch cifar100"},
      {"coco128", "the first 128 pictures of COCO's train2017 with boxes, 80 classes; training and test at once",
       first_with({root / "coco128"}, {"data.yaml", "images"}), "quench data fetch coco128"},
      {"coco-val",
       "5,000 pictures of COCO's val2017 with boxes, 80 classes (Lin et al. 2014); training and test at once",
       first_with({root / "coco-val"}, {"annotations/instances_val2017.json"}), "quench data fetch coco-val (1.1 GB)"},
  };
}

}  // namespace quench::data
