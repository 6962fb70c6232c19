#include "data/loading/left_out.h"

#include <utility>

#include "core/error.h"

namespace quench::data {

void LeftOut::add(LeftOutImage image) {
  const std::lock_guard lock(mutex_);
  images_.try_emplace(image.index, std::move(image));
}

int64_t LeftOut::count() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int64_t>(images_.size());
}

std::vector<LeftOutImage> LeftOut::images() const {
  const std::lock_guard lock(mutex_);
  std::vector<LeftOutImage> all;
  for (const auto& [index, image] : images_) all.push_back(image);
  return all;
}

std::string to_text(const std::vector<LeftOutImage>& images, int64_t of, std::string_view what) {
  return fmt::format("{} of {} {} cannot be read and {} left out, the first: {}", images.size(), of, what,
                     images.size() == 1 ? "is" : "are", images.at(0).problem);
}

void fail_none_read(const std::vector<LeftOutImage>& images, int64_t of) {
  fail(ErrorKind::data, "[data.loader] expected images that can be read, got none: {}", to_text(images, of, "images"));
}

void write_left_out(ByteWriter& out, const std::vector<LeftOutImage>& images) {
  out.number(static_cast<int64_t>(images.size()));
  for (const LeftOutImage& image : images) {
    out.number(image.index);
    out.text(image.name);
    out.text(image.problem);
  }
}

std::vector<LeftOutImage> read_left_out(ByteReader& in) {
  std::vector<LeftOutImage> images;
  for (int64_t left = in.count(); left > 0; --left) {
    LeftOutImage& image = images.emplace_back();
    image.index = in.number();
    image.name = in.text();
    image.problem = in.text();
  }
  return images;
}

void merge_left_out(std::vector<LeftOutImage>& images, const std::vector<LeftOutImage>& more) {
  LeftOut all;
  for (const LeftOutImage& image : images) all.add(image);
  for (const LeftOutImage& image : more) all.add(image);
  images = all.images();
}

}  // namespace quench::data
