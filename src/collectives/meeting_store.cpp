#include "collectives/meeting_store.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <thread>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "collectives/meeting.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/json_text.h"
#include "processes/sharing.h"

namespace quench::collectives {
namespace {

using std::chrono::milliseconds;

/// How long processes that lost one have to say that they are there.
constexpr double kRollCallSeconds = 3;

const char* const kEnd = "end";  // what the first process to leave says, as JSON

std::vector<uint8_t> bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

/// The store where processes meet, which rank 0 serves.
c10::intrusive_ptr<c10d::Store> open_store(const processes::Place& place, double seconds) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(place.port);
  options.isServer = place.rank == 0;
  options.waitWorkers = false;
  options.timeout = milliseconds(static_cast<int64_t>(std::max(30.0, seconds) * 1000));  // of whole seconds
  return c10::make_intrusive<c10d::TCPStore>(place.address, options);
}

/// The store of rank 0, from another process. What listens there may be another program, which c10d would wait for
/// without end: then its wait is left to itself.
c10::intrusive_ptr<c10d::Store> find_store(const processes::Place& place, const JoinOptions& options) {
  using Found = c10::intrusive_ptr<c10d::Store>;
  const auto promise = std::make_shared<std::promise<Found>>();
  std::future<Found> found = promise->get_future();
  std::thread([promise, place, seconds = options.join_seconds] {
    try {
      Found store = open_store(place, seconds);
      store->check({kEnd});
      promise->set_value(std::move(store));
    } catch (...) {
      promise->set_exception(std::current_exception());
    }
  }).detach();
  const int64_t start = now_ns();
  while (found.wait_for(milliseconds(20)) == std::future_status::timeout) {
    if (options.cancel) options.cancel->check();
    if (seconds_since(start) > options.join_seconds) {
      fail(ErrorKind::io,
           "[collectives] expected rank 0 of quench to listen at {}:{}, got what does not answer as it would within "
           "{:g} s: another program? (MASTER_PORT names another port)",
           place.address, place.port, options.join_seconds);
    }
  }
  return found.get();
}

std::string key(const char* what, int rank) { return fmt::format("{}/{}", what, rank); }

}  // namespace

MeetingStore::MeetingStore(const processes::Place& place, const JoinOptions& options) : place_(place) {
  if (place_.rank == 0) {
    require_known_address(place_);
    require_free_port(place_.port);
    store_ = open_store(place_, options.join_seconds);
  }
  own_address_ = collectives::own_address(place_, options.join_seconds, options.cancel);
  if (place_.rank != 0) store_ = find_store(place_, options);
  wait_for_all(options);
}

MeetingStore::~MeetingStore() {
  if (lost_) store_.release();
}

void MeetingStore::wait_for_all(const JoinOptions& options) {
  if (store_->add(key("taken", place_.rank), 1) > 1) {
    fail(ErrorKind::config,
         "[collectives] expected one process of rank {} at {}:{}, got another: each process has a RANK of its own",
         place_.rank, place_.address, place_.port);
  }
  store_->set(key("here", place_.rank), bytes_of(fmt::format("{}, process {}", processes::host_name(), ::getpid())));
  const int64_t start = now_ns();
  std::vector<int> missing;
  for (int rank = 0; rank < place_.world_size; ++rank) missing.push_back(rank);
  while (true) {
    if (options.cancel) options.cancel->check();
    if (options.check) options.check();
    std::erase_if(missing, [&](int rank) { return store_->check({key("here", rank)}); });
    if (missing.empty()) break;
    if (seconds_since(start) > options.join_seconds) {
      fail(ErrorKind::io,
           "[collectives] expected {} processes at {}:{} within {:g} s, got {}: missing rank {}; start them, or one "
           "with a smaller --world-size",
           place_.world_size, place_.address, place_.port, options.join_seconds, place_.world_size - missing.size(),
           fmt::join(missing, ", "));
    }
    std::this_thread::sleep_for(milliseconds(20));
  }
  for (int rank = 0; rank < place_.world_size; ++rank) {
    const std::vector<uint8_t> host = store_->get(key("here", rank));
    hosts_.emplace_back(host.begin(), host.end());
  }
}

std::string MeetingStore::name_of(int rank) const {
  return fmt::format("rank {} ({})", rank, hosts_.at(static_cast<size_t>(rank)));
}

void MeetingStore::throw_left() {
  lost_ = true;
  const std::vector<uint8_t> said = store_->get(kEnd);
  store_->set(key("heard", place_.rank), {});
  const Json end = parse_json(std::string(said.begin(), said.end()), "what a process left with");
  const int rank = end.at("rank"), kind = end.at("kind");
  if (place_.rank == 0) linger();
  const auto why = static_cast<ErrorKind>(kind);
  if (why == ErrorKind::cancelled) throw Error(why, end.at("message"));
  throw Error(why, fmt::format("{} (on {})", end.at("message").get<std::string>(), name_of(rank)));
}

void MeetingStore::check_left() {
  bool left = false;
  try {
    left = store_->check({kEnd});
  } catch (const std::exception& error) {
    fail_by(error.what());
  }
  if (left) throw_left();
}

std::vector<int> MeetingStore::silent_ranks() {
  store_->set(key("heard", place_.rank), {});
  std::vector<int> silent;
  for (int rank = 0; rank < place_.world_size; ++rank) silent.push_back(rank);
  const int64_t start = now_ns();
  while (seconds_since(start) < kRollCallSeconds) {
    if (store_->check({kEnd})) throw_left();
    std::erase_if(silent, [&](int rank) { return store_->check({key("heard", rank)}); });
    if (silent.empty()) break;
    std::this_thread::sleep_for(milliseconds(20));
  }
  return silent;
}

void MeetingStore::fail_by(const std::string& cause) {
  lost_ = true;
  std::vector<int> silent;
  try {
    store_->setTimeout(milliseconds(2000));
    silent = silent_ranks();
  } catch (const Error&) {
    throw;
  } catch (const std::exception&) {  // the store ended with rank 0
    silent = {0};
  }
  if (silent.empty()) {
    fail(ErrorKind::backend, "[collectives] the connection between processes failed, though all are there: {}", cause);
  }
  lost_ranks_ = silent;
  std::vector<std::string> names;
  for (const int rank : silent) names.push_back(name_of(rank));
  const std::string message = fmt::format("[collectives] lost {}: killed, or its machine cannot be reached ({})",
                                          fmt::join(names, ", "), cause);
  if (place_.rank == 0) linger(silent);
  throw Error(ErrorKind::backend, message);
}

/// Rank 0 serves the store: it stays until the others that live have read why all ends.
void MeetingStore::linger(const std::vector<int>& silent) {
  const int64_t start = now_ns();
  try {
    for (int rank = 1; rank < place_.world_size; ++rank) {
      if (std::ranges::count(silent, rank) > 0) continue;
      while (!store_->check({key("heard", rank)}) && seconds_since(start) < kRollCallSeconds) {
        std::this_thread::sleep_for(milliseconds(20));
      }
    }
    std::this_thread::sleep_for(milliseconds(100));
  } catch (const std::exception&) {  // nobody is there to be told
  }
}

void MeetingStore::leave(ErrorKind kind, std::string_view message) {
  if (lost_) return;
  lost_ = true;
  try {
    const Json end = {{"rank", place_.rank}, {"kind", static_cast<int>(kind)}, {"message", std::string(message)}};
    if (!store_->check({kEnd})) store_->set(kEnd, bytes_of(json_text(end)));
    store_->set(key("heard", place_.rank), {});
    if (place_.rank == 0) linger();
  } catch (const std::exception&) {  // rank 0 is gone: nobody is there to be told
  }
}

}  // namespace quench::collectives
