#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace quench {

/// One of several processes that do one piece of work together, each on a share of the pictures. All of them call the
/// same functions in the same order.
class Shards {
 public:
  virtual ~Shards() = default;
  virtual int rank() const = 0;  ///< 0 .. count() - 1
  virtual int count() const = 0;
  /// Every process gives bytes, and gets those of all, by rank. Throws Error{io} where one of them has ended.
  virtual std::vector<std::string> exchange(std::string mine) const = 0;
};

/// Whether work is shared: shards may be null, or one process.
inline bool is_shared(const Shards* shards) { return shards != nullptr && shards->count() > 1; }

/// Items first .. last - 1 of a list.
struct Share {
  int64_t first = 0, last = 0;
  int64_t size() const { return last - first; }
};

/// What this process does of a list of items that one process would take `block` at a time: whole blocks, so that each
/// is what it would be there, next to one another, by rank. The numbers of blocks differ by one at most; where there
/// are fewer blocks than processes, some get nothing. Not shared: all.
Share share_of(int64_t items, int64_t block, const Shards* shards);

/// Does this process's share, and gives what all of them made of theirs, by rank. Where work() throws in some of them,
/// all throw what it threw in the one of lowest rank: of shares in the order of ranks, what one process would have met.
std::vector<std::string> exchange_work(const Shards& shards, const std::function<std::string()>& work);

/// The value that the first process has, for numbers that must be the same in all.
int64_t of_the_first(const Shards& shards, int64_t value);

/// Throws Error{config} in all processes unless all say the same of `what` ("the test images").
void require_same(const Shards& shards, const std::string& said, const std::string& what);

}  // namespace quench
