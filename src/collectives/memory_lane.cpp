#include "collectives/memory_lane.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <ctime>
#include <limits>
#include <typeinfo>

#include "core/clock.h"
#include "core/error.h"

namespace quench::collectives {
namespace {

constexpr size_t kChunkBytes = size_t{32} << 10;
/// How long a process looks for another's values before it sleeps: a sleeper takes longer to wake.
constexpr int64_t kLookNs = 100'000;
/// How long it sleeps before it looks whether the others are there.
constexpr timespec kSlice{0, 200'000'000};

void pause_shortly() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

template <typename T>
void add(std::byte* into, const std::byte* from, size_t bytes) {
  T* sums = reinterpret_cast<T*>(into);
  const T* values = reinterpret_cast<const T*>(from);
  for (size_t i = 0; i < bytes / sizeof(T); ++i) sums[i] += values[i];
}

}  // namespace

/// How many chunks a process has given, or taken: one process counts, the others wait for a count.
class alignas(64) MemoryLane::Count {
 public:
  bool reached(uint32_t count) const {
    return static_cast<int32_t>(count_.load(std::memory_order_acquire) - count) >= 0;
  }

  void set(uint32_t count) {
    count_.store(count);
    if (sleepers_.load() > 0) futex(FUTEX_WAKE, std::numeric_limits<int>::max(), nullptr);
  }

  void await(uint32_t count, const Waiting& waiting) {
    for (const int64_t start = now_ns(); now_ns() - start < kLookNs;) {
      for (int i = 0; i < 32; ++i) {
        if (reached(count)) return;
        pause_shortly();
      }
    }
    // Who counts looks for sleepers after it; who sleeps says so before it looks at the count.
    const Asleep asleep(sleepers_);
    while (true) {
      const uint32_t now = count_.load();
      if (static_cast<int32_t>(now - count) >= 0) return;
      const int64_t start = now_ns();
      futex(FUTEX_WAIT, static_cast<int>(now), &kSlice);
      if (now_ns() - start >= kSlice.tv_nsec && !reached(count)) waiting([&] { return reached(count); });
    }
  }

 private:
  struct Asleep {
    explicit Asleep(std::atomic<uint32_t>& count) : sleepers(count) { sleepers.fetch_add(1); }
    ~Asleep() { sleepers.fetch_sub(1); }
    std::atomic<uint32_t>& sleepers;
  };

  // Without FUTEX_PRIVATE_FLAG: of several processes.
  void futex(int what, int value, const timespec* time) {
    ::syscall(SYS_futex, reinterpret_cast<uint32_t*>(&count_), what, value, time, nullptr, 0);
  }

  std::atomic<uint32_t> count_, sleepers_;
};

static_assert(std::atomic<uint32_t>::is_always_lock_free && sizeof(std::atomic<uint32_t>) == sizeof(uint32_t));

class MemoryLane::Sum {
 public:
  std::span<std::byte> values;
  void (*add)(std::byte*, const std::byte*, size_t);
  char type = 0;  ///< as typeid has it: f, d, l
  std::shared_ptr<const void> keep;
  size_t given = 0, taken = 0;  ///< bytes
  size_t next(size_t done) const { return std::min(kChunkBytes, values.size() - done); }
};

/// Values of one sum, and what they are: all processes must mean the same.
struct alignas(64) MemoryLane::Chunk {
  uint64_t left;  ///< bytes of the sum from here on
  char type;
  alignas(64) std::byte values[kChunkBytes];
};

/// One process's part of the memory; its chunks follow.
struct MemoryLane::Ring {
  Count given, taken;
  Chunk& chunk(uint32_t turn, size_t chunks) { return reinterpret_cast<Chunk*>(this + 1)[turn % chunks]; }
};

size_t MemoryLane::bytes_for(int world_size, size_t chunks) {
  return static_cast<size_t>(world_size) * (sizeof(Ring) + chunks * sizeof(Chunk));
}

MemoryLane::MemoryLane(std::byte* memory, int rank, int world_size, size_t chunks)
    : memory_(memory), rank_(rank), world_size_(world_size), chunks_(chunks) {
  ensure(std::has_single_bit(chunks), "[collectives] expected a power of two chunks, got {}", chunks);
}

MemoryLane::Ring& MemoryLane::ring_of(int rank) const {
  return *reinterpret_cast<Ring*>(memory_ + bytes_for(rank, chunks_));
}

/// Whether all have taken the chunk that the next one would replace.
bool MemoryLane::has_room() const {
  const uint32_t oldest = given_ + 1 - static_cast<uint32_t>(chunks_);
  for (int rank = 0; rank < world_size_; ++rank) {
    if (!ring_of(rank).taken.reached(oldest)) return false;
  }
  return true;
}

void MemoryLane::give_what_fits() {
  Ring& own = ring_of(rank_);
  for (const std::shared_ptr<Sum>& sum : open_) {
    while (sum->given < sum->values.size()) {
      if (!has_room()) return;
      const size_t bytes = sum->next(sum->given);
      Chunk& chunk = own.chunk(given_, chunks_);
      chunk.left = sum->values.size() - sum->given;
      chunk.type = sum->type;
      std::memcpy(chunk.values, sum->values.data() + sum->given, bytes);
      sum->given += bytes;
      own.given.set(++given_);
    }
  }
}

void MemoryLane::take_chunk(const Waiting& waiting) {
  Sum& sum = *open_.front();
  if (sum.given == sum.taken) {
    for (int rank = 0; rank < world_size_; ++rank) {
      ring_of(rank).taken.await(given_ + 1 - static_cast<uint32_t>(chunks_), waiting);
    }
    give_what_fits();
  }
  const size_t bytes = sum.next(sum.taken);
  std::byte* values = sum.values.data() + sum.taken;
  for (int rank = 0; rank < world_size_; ++rank) {
    Ring& ring = ring_of(rank);
    ring.given.await(taken_ + 1, waiting);
    const Chunk& given = ring.chunk(taken_, chunks_);
    if (given.type != sum.type || given.left != sum.values.size() - sum.taken) {
      fail(ErrorKind::internal, "[collectives] expected the same sum in all processes, got {} bytes of {} and {} of {}",
           sum.values.size() - sum.taken, sum.type, given.left, given.type);
    }
    if (rank == 0) std::memcpy(values, given.values, bytes);
    if (rank != 0) sum.add(values, given.values, bytes);
  }
  sum.taken += bytes;
  ring_of(rank_).taken.set(++taken_);
  if (sum.taken == sum.values.size()) open_.pop_front();
}

template <typename T>
std::shared_ptr<MemoryLane::Sum> MemoryLane::start(std::span<T> values, std::shared_ptr<const void> keep) {
  auto sum = std::make_shared<Sum>();
  sum->values = std::as_writable_bytes(values);
  sum->add = add<T>;
  sum->type = typeid(T).name()[0];
  sum->keep = std::move(keep);
  if (!values.empty()) open_.push_back(sum);
  give_what_fits();
  return sum;
}

template std::shared_ptr<MemoryLane::Sum> MemoryLane::start(std::span<float>, std::shared_ptr<const void>);
template std::shared_ptr<MemoryLane::Sum> MemoryLane::start(std::span<double>, std::shared_ptr<const void>);
template std::shared_ptr<MemoryLane::Sum> MemoryLane::start(std::span<int64_t>, std::shared_ptr<const void>);

void MemoryLane::finish(const Sum& sum, const Waiting& waiting) {
  while (sum.taken < sum.values.size()) {
    take_chunk(waiting);
    give_what_fits();
  }
}

}  // namespace quench::collectives
