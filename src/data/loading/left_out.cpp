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

}  // namespace quench::data
