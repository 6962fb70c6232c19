#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>

namespace quench::collectives {

/// Sums over processes of one machine, through memory that they share: some microseconds where a message takes
/// hundreds, and no thread but the caller's.
///
/// Each process has a ring of chunks in it. It gives its values chunk by chunk, as far as there is room, and takes the
/// sum of a chunk when all have given theirs. There is room again when all have taken the oldest chunk.
class MemoryLane {
 public:
  /// Memory that a lane needs; chunks: of each process's ring.
  static size_t bytes_for(int world_size, size_t chunks);
  /// memory: bytes_for() of it, zeros before the first process uses it, at a multiple of 64. chunks: a power of two.
  MemoryLane(std::byte* memory, int rank, int world_size, size_t chunks);
  MemoryLane(const MemoryLane&) = delete;
  MemoryLane& operator=(const MemoryLane&) = delete;

  /// Values whose sum is on its way.
  class Sum;
  /// Begins the sum of values, in place, added in the order of ranks. All processes begin the same sums in the same
  /// order. T: float, double or int64_t. keep: what the values live in.
  template <typename T>
  std::shared_ptr<Sum> start(std::span<T> values, std::shared_ptr<const void> keep = nullptr);
  /// Called some times a second while another process has not come. has_come: whether it has by now. What it throws
  /// ends the lane.
  using Waiting = std::function<void(const std::function<bool()>& has_come)>;
  /// Returns when the values are the sum; those that were begun before are, too. Throws Error{internal} where another
  /// process sums values of another type or number.
  void finish(const Sum& sum, const Waiting& waiting);

 private:
  class Count;
  struct Chunk;
  struct Ring;
  Ring& ring_of(int rank) const;
  bool has_room() const;
  void give_what_fits();
  void take_chunk(const Waiting& waiting);

  std::byte* memory_;
  int rank_, world_size_;
  size_t chunks_;
  uint32_t given_ = 0, taken_ = 0;  ///< chunks
  std::deque<std::shared_ptr<Sum>> open_;
};

}  // namespace quench::collectives
