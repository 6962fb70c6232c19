#include "data/dataset.h"

#include <fmt/ranges.h>

#include "core/error.h"
#include "core/text.h"
#include "data/catalog.h"
#include "data/cifar.h"
#include "data/idx.h"
#include "data/image_folder.h"
#include "data/missing.h"
#include "data/shapes.h"

namespace quench::data {

namespace fs = std::filesystem;

void fail_missing(const std::string& name, const std::vector<fs::path>& places, const std::string& how) {
  std::vector<std::string> tried;
  for (const fs::path& place : places) tried.push_back(place.string());
  fail(ErrorKind::io, "[data] expected the data set {}, got no such files; get it with: {} (looked in {})", name, how,
       fmt::join(tried, ", "));
}

fs::path default_root(const char* quench_data, const char* home) {
  if (quench_data && *quench_data) return quench_data;
  return fs::path(home && *home ? home : ".") / ".cache" / "quench";
}

std::vector<Object> Dataset::objects(int64_t) const {
  fail(ErrorKind::internal, "[data] a classification set has no boxes");
}

ImageInfo Dataset::image(int64_t) const { fail(ErrorKind::internal, "[data] a classification set names no images"); }

Splits open(const std::string& name_or_path, const fs::path& root) {
  if (name_or_path == "cifar100") return open_cifar(cifar100_layout(), root);
  if (name_or_path == "cifar10") return open_cifar(cifar10_layout(), root);
  if (name_or_path == "fashion-mnist") return open_fashion_mnist(fashion_mnist_places(root));
  if (name_or_path == "shapes") return open_shapes();
  if (name_or_path.find('/') != std::string::npos || fs::is_directory(name_or_path)) {
    return open_image_folder(name_or_path);
  }
  fail(ErrorKind::config, "[data] unknown data set '{}'{}; or give the path of an image folder", name_or_path,
       suggestion(name_or_path, built_in_names()));
}

}  // namespace quench::data
