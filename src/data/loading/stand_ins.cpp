#include "data/loading/stand_ins.h"

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace quench::data {

std::optional<Sample> read_or_note(const Dataset& dataset, int64_t index, LeftOut& left_out) {
  try {
    return dataset.at(index);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data) throw;
    left_out.add({index, dataset.file(index).filename().string(), error.what()});
    return std::nullopt;
  }
}

Sample StandIns::at(int64_t index) const {
  if (std::optional<Sample> sample = read_or_note(base_, index, left_out_)) return std::move(*sample);
  const auto count = pool_.empty() ? size() : static_cast<int64_t>(pool_.size());
  const int64_t first = pool_.empty() ? index : std::ranges::find(pool_, index) - pool_.begin();
  for (int64_t i = 1; i < count; ++i) {
    const int64_t place = (first + i) % count;
    const int64_t next = pool_.empty() ? place : pool_[static_cast<size_t>(place)];
    if (std::optional<Sample> sample = read_or_note(base_, next, left_out_)) return std::move(*sample);
  }
  fail(ErrorKind::data, "[data.loader] expected images that can be read, got none: {}",
       to_text(left_out_.images(), count, "images"));
}

Sample first_sample(const Dataset& dataset) {
  LeftOut left_out;
  for (int64_t i = 0; i < dataset.size(); ++i) {
    if (std::optional<Sample> sample = read_or_note(dataset, i, left_out)) return std::move(*sample);
  }
  if (dataset.size() == 0) fail(ErrorKind::data, "[data.loader] expected images, got an empty data set");
  fail(ErrorKind::data, "[data.loader] expected images that can be read, got none: {}",
       to_text(left_out.images(), dataset.size(), "images"));
}

}  // namespace quench::data
