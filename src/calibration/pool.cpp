#include "calibration/pool.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "core/error.h"
#include "core/rng.h"

namespace quench::calibration {
namespace {

std::vector<int64_t> less(const std::vector<int64_t>& all, const std::vector<int64_t>& without) {
  std::vector<int64_t> out;
  std::ranges::set_difference(all, without, std::back_inserter(out));
  return out;
}

}  // namespace

Pool make_pool(const data::Dataset& train, const PoolSettings& settings) {
  const int64_t size = train.size();
  if (size < 4) {
    fail(ErrorKind::data, "calibrate: expected 4 or more training images, to calibrate and to score on, got {}", size);
  }
  std::set<int64_t> chosen;
  std::vector<std::vector<int64_t>> all;
  for (int64_t i = 0; i < settings.seeds; ++i) {
    const uint64_t seed = settings.seed + static_cast<uint64_t>(i);
    all.push_back(data::calibration_subset(train, std::max<int64_t>(settings.candidates, 1), seed).indices);
    chosen.insert(all.back().begin(), all.back().end());
  }
  const int64_t wanted = settings.score_images == 0 ? 0 : std::clamp<int64_t>(settings.score_images, 1, size / 2);
  Rng rng(settings.seed, "calibrate-held-out");
  const std::vector<int64_t> order = permutation(size, rng);
  Pool out;
  for (const bool in_a_choice : {false, true}) {
    for (const int64_t index : order) {
      if (static_cast<int64_t>(out.held_out.size()) == wanted) break;
      if (chosen.contains(index) == in_a_choice) out.held_out.push_back(index);
    }
  }
  std::ranges::sort(out.held_out);
  std::set<int64_t> looked_at;
  for (const std::vector<int64_t>& one : all) {
    out.candidates.push_back(less(one, out.held_out));
    looked_at.insert(out.candidates.back().begin(), out.candidates.back().end());
    if (out.candidates.back().empty()) {
      fail(ErrorKind::config, "calibrate: expected more candidates: none is left beside the {} images to score on",
           out.held_out.size());
    }
  }
  out.looked_at.assign(looked_at.begin(), looked_at.end());
  return out;
}

std::vector<int64_t> random_choice(const data::Dataset& train, int64_t count, uint64_t seed,
                                   const std::vector<int64_t>& held_out) {
  return less(data::calibration_subset(train, count, seed).indices, held_out);
}

}  // namespace quench::calibration
