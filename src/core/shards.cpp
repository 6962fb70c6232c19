#include "core/shards.h"

#include <algorithm>
#include <exception>
#include <optional>

#include "core/byte_string.h"
#include "core/error.h"

namespace quench {
namespace {

constexpr const char* kForm = "share 1";

}  // namespace

Share share_of(int64_t items, int64_t block, const Shards* shards) {
  if (!is_shared(shards)) return {0, items};
  ensure(items >= 0 && block >= 1, "[core.shards] expected 0 or more items in blocks of 1 or more, got {} and {}",
         items, block);
  const int64_t blocks = (items + block - 1) / block;
  const int64_t each = blocks / shards->count(), more = blocks % shards->count();
  const auto start = [&](int64_t rank) { return std::min((each * rank + std::min(rank, more)) * block, items); };
  return {start(shards->rank()), start(shards->rank() + 1)};
}

std::vector<std::string> exchange_work(const Shards& shards, const std::function<std::string()>& work) {
  ByteWriter mine(kForm);
  const auto failed = [&](ErrorKind kind, const char* what) {
    mine.number(1);
    mine.number(static_cast<int64_t>(kind));
    mine.text(what);
  };
  try {
    const std::string made = work();
    mine.number(0);
    mine.text(made);
  } catch (const Error& error) {
    failed(error.kind(), error.what());
  } catch (const std::exception& error) {
    failed(ErrorKind::internal, error.what());
  }
  std::vector<std::string> out;
  std::optional<Error> first;
  for (const std::string& bytes : shards.exchange(mine.take())) {
    ByteReader reader(bytes, kForm);
    if (reader.number() == 0) {
      out.push_back(reader.text());
    } else if (const auto kind = static_cast<ErrorKind>(reader.number()); !first) {
      first = Error(kind, reader.text());
    }
  }
  if (first) throw *first;
  return out;
}

int64_t of_the_first(const Shards& shards, int64_t value) {
  ByteWriter mine(kForm);
  mine.number(value);
  const std::vector<std::string> all = shards.exchange(mine.take());
  return ByteReader(all.at(0), kForm).number();
}

void require_same(const Shards& shards, const std::string& said, const std::string& what) {
  const std::vector<std::string> all = shards.exchange(said);
  for (size_t rank = 1; rank < all.size(); ++rank) {
    if (all[rank] == all[0]) continue;
    fail(ErrorKind::config,
         "[core.shards] expected the same of {} in every process, got '{}' in process {} and '{}' in process 0", what,
         all[rank], rank, all[0]);
  }
}

}  // namespace quench
