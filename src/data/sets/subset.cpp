#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <utility>

#include "core/error.h"
#include "core/hash.h"
#include "core/rng.h"
#include "data/sets/dataset.h"
#include "data/sets/listed_subset.h"
#include "data/shards/shard_order.h"

namespace quench::data {
namespace {

std::string digest_of(const std::vector<int64_t>& indices, const std::string& base) {
  Sha256 hash;
  hash.update(base);
  for (int64_t index : indices) hash.update(fmt::format(" {}", index));
  return hash.hex();
}

class SubsetView : public Dataset, public InShardsOf {
 public:
  SubsetView(std::shared_ptr<const Dataset> base, std::vector<int64_t> indices)
      : InShardsOf(base.get()), base_(std::move(base)), indices_(std::move(indices)) {}

  int64_t size() const override { return static_cast<int64_t>(indices_.size()); }
  const std::vector<std::string>& classes() const override { return base_->classes(); }
  int32_t label(int64_t index) const override { return base_->label(in_base(index)); }
  std::string task() const override { return base_->task(); }
  std::vector<Object> objects(int64_t index) const override { return base_->objects(in_base(index)); }
  ImageInfo image(int64_t index) const override { return base_->image(in_base(index)); }
  std::filesystem::path file(int64_t index) const override { return base_->file(in_base(index)); }
  std::vector<int64_t> category_ids() const override { return base_->category_ids(); }
  std::vector<LabelIssue> issues() const override { return base_->issues(); }
  Sample at(int64_t index) const override { return base_->at(in_base(index)); }
  std::string digest() const override { return digest_of(indices_, base_->digest()); }

 private:
  int64_t in_base_of_shards(int64_t index) const override { return in_base(index); }
  int64_t in_base(int64_t index) const { return indices_.at(static_cast<size_t>(index)); }

  std::shared_ptr<const Dataset> base_;
  std::vector<int64_t> indices_;
};

std::vector<int64_t> first_of_shuffle(int64_t size, int64_t count, uint64_t seed, std::string_view name) {
  Rng rng(seed, name);
  std::vector<int64_t> indices = permutation(size, rng);
  indices.resize(static_cast<size_t>(std::min(count, size)));
  std::sort(indices.begin(), indices.end());
  return indices;
}

}  // namespace

Subset calibration_subset(const Dataset& train, int64_t count, uint64_t seed) {
  if (count <= 0) {
    fail(ErrorKind::config, "[data.calibration] expected 1 or more calibration images, got {}", count);
  }
  Subset subset;
  subset.indices = first_of_shuffle(train.size(), count, seed, "calibration");
  subset.sha256 = digest_of(subset.indices, train.digest());
  return subset;
}

Subset listed_subset(const Dataset& images, std::vector<int64_t> indices) {
  if (indices.empty()) fail(ErrorKind::config, "[data.calibration] expected a list of images, got none");
  std::ranges::sort(indices);
  if (const auto twice = std::ranges::adjacent_find(indices); twice != indices.end()) {
    fail(ErrorKind::config, "[data.calibration] expected each image once, got {} twice", *twice);
  }
  for (const int64_t index : {indices.front(), indices.back()}) {
    if (index < 0 || index >= images.size()) {
      fail(ErrorKind::config, "[data.calibration] expected images from 0 to {}, got {}", images.size() - 1, index);
    }
  }
  const std::string sha256 = digest_of(indices, images.digest());
  return {std::move(indices), sha256};
}

Splits with_validation(Splits splits, double share, uint64_t seed) {
  if (!(share > 0 && share < 1)) {
    fail(ErrorKind::config, "[data.validation] expected a share of the training images in (0,1), got {}", share);
  }
  if (splits.validation) return splits;
  const int64_t size = splits.train->size();
  if (size < 2) fail(ErrorKind::data, "[data.validation] expected 2 or more training images, got {}", size);
  const int64_t count = std::clamp<int64_t>(std::llround(share * static_cast<double>(size)), 1, size - 1);
  std::vector<int64_t> held = first_of_shuffle(size, count, seed, "validation"), left, all(static_cast<size_t>(size));
  std::iota(all.begin(), all.end(), int64_t{0});
  std::set_difference(all.begin(), all.end(), held.begin(), held.end(), std::back_inserter(left));
  splits.validation = std::make_shared<SubsetView>(splits.train, std::move(held));
  splits.train = std::make_shared<SubsetView>(splits.train, std::move(left));
  return splits;
}

std::shared_ptr<const Dataset> limited(std::shared_ptr<const Dataset> dataset, int64_t count, uint64_t seed) {
  if (count < 0) fail(ErrorKind::config, "[data] expected a limit of 0 (all) or more, got {}", count);
  if (count == 0 || count >= dataset->size()) return dataset;
  std::vector<int64_t> indices = first_of_shuffle(dataset->size(), count, seed, "limit");
  return std::make_shared<SubsetView>(std::move(dataset), std::move(indices));
}

std::shared_ptr<const Dataset> without(std::shared_ptr<const Dataset> dataset, const std::vector<int64_t>& indices) {
  std::vector<int64_t> left;
  for (int64_t i = 0; i < dataset->size(); ++i) {
    if (std::ranges::find(indices, i) == indices.end()) left.push_back(i);
  }
  if (left.empty()) fail(ErrorKind::data, "[data] expected images that are left, got none of {}", dataset->size());
  return std::make_shared<SubsetView>(std::move(dataset), std::move(left));
}

std::shared_ptr<const Dataset> first_images(std::shared_ptr<const Dataset> dataset, int64_t count) {
  if (count < 0) fail(ErrorKind::config, "[data] expected a limit of 0 (all) or more, got {}", count);
  if (count == 0 || count >= dataset->size()) return dataset;
  std::vector<int64_t> indices(static_cast<size_t>(count));
  std::iota(indices.begin(), indices.end(), int64_t{0});
  return std::make_shared<SubsetView>(std::move(dataset), std::move(indices));
}

}  // namespace quench::data
