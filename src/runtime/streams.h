#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/cancel.h"
#include "core/clock.h"

namespace quench::runtime {

/// Takes one image through all stages and writes how long each took; the part of one thread at a time.
using Stream = std::function<void(std::span<int64_t> stages_ns)>;

/// What is measured: as many images at once as it has streams.
struct StreamedWork {
  size_t stages = 1;
  std::vector<Stream> streams;
};

struct StreamOptions {
  int64_t min_samples = 200;         ///< images of each work at least, of all its streams together
  double min_seconds = 1.0;          ///< of each work at least
  double max_warm_up_seconds = 5.0;  ///< of each work; ends earlier where all its streams are stable (warm_up.h)
  double slice_seconds = 0.5;        ///< turns of several works
  std::function<int64_t()> clock = now_ns;
  std::function<void()> before_samples = {};  ///< called once, between warm-up and the first sample
  std::function<void()> after_samples = {};   ///< called once, after the last sample
};

/// None of the images is left out.
struct StreamedSamples {
  std::vector<std::vector<int64_t>> stages_ns;  ///< of each stage, one an image
  std::vector<int64_t> total_ns;                ///< of each image, from its first stage's start to its last one's end
  /// Of each stream its images over the time that they took, summed: no stream is charged with the wait for the others
  /// at the end of a turn.
  double images_per_second = 0;
  bool stable = false;  ///< all streams' warm-ups reached stability
};

/// Runs each work's streams side by side, each in a thread of its own that begins the next image when it has ended one.
/// Several works take turns, in a seeded random order in each round, so that a drift of the machine's speed hits all
/// alike. Throws Error{cancelled}, and what a stream throws; Error{internal} for a work without streams or stages.
std::vector<StreamedSamples> measure_streams(const std::vector<StreamedWork>& works, const StreamOptions& options,
                                             const CancelToken& cancel);

}  // namespace quench::runtime
