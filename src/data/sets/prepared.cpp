#include "data/sets/prepared.h"

#include <algorithm>
#include <utility>

#include "core/task.h"
#include "data/shards/shard_order.h"
#include "pixels/fit.h"

namespace quench::data {
namespace {

class PreparedView : public Dataset, public InShardsOf {
 public:
  PreparedView(std::shared_ptr<const Dataset> base, const pixels::Preparation& preparation, int imgsz, Prepared which)
      : InShardsOf(base.get()), base_(std::move(base)), preparation_(preparation), imgsz_(imgsz), which_(which) {}

  int64_t size() const override { return base_->size(); }
  const std::vector<std::string>& classes() const override { return base_->classes(); }
  int32_t label(int64_t index) const override { return base_->label(index); }
  std::string task() const override { return base_->task(); }
  std::vector<Object> objects(int64_t index) const override { return base_->objects(index); }
  ImageInfo image(int64_t index) const override { return base_->image(index); }
  std::filesystem::path file(int64_t index) const override { return base_->file(index); }
  std::vector<int64_t> category_ids() const override { return base_->category_ids(); }
  std::vector<LabelIssue> issues() const override { return base_->issues(); }
  Sample at(int64_t index) const override {
    Sample sample = base_->at(index);
    const Shape& shape = sample.pixels.shape();
    const bool left = which_ == Prepared::large && std::min(shape[0], shape[1]) <= imgsz_;
    if (!left) sample.pixels = pixels::fit_image(sample.pixels, imgsz_, preparation_);
    return sample;
  }
  std::string digest() const override { return base_->digest(); }

 private:
  std::shared_ptr<const Dataset> base_;
  pixels::Preparation preparation_;
  int imgsz_;
  Prepared which_;
};

}  // namespace

std::shared_ptr<const Dataset> prepared(std::shared_ptr<const Dataset> split, const pixels::Preparation& preparation,
                                        int imgsz, Prepared which) {
  if (!split || preparation.is_own() || labels_of(split->task()) == Labels::objects) return split;
  return std::make_shared<PreparedView>(std::move(split), preparation, imgsz, which);
}

Splits prepared(Splits splits, const pixels::Preparation& preparation, int imgsz, bool to_train_on) {
  splits.train = prepared(std::move(splits.train), preparation, imgsz, to_train_on ? Prepared::large : Prepared::all);
  splits.test = prepared(std::move(splits.test), preparation, imgsz);
  splits.validation = prepared(std::move(splits.validation), preparation, imgsz);
  return splits;
}

}  // namespace quench::data
