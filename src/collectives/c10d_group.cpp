// The group of several processes by c10d: https://pytorch.org/docs/stable/distributed.html

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif
#include <ATen/ATen.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <future>
#include <thread>

#include "collectives/join.h"
#include "collectives/meeting.h"
#include "collectives/one_machine.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/json.h"
#include "core/json_text.h"
#include "processes/sharing.h"

namespace quench::collectives {
namespace {

using std::chrono::milliseconds;
using Work = c10::intrusive_ptr<c10d::Work>;

/// How long a wait lasts before the store is asked whether another process has left.
constexpr milliseconds kSlice{500};
/// Waits are limited here, not by Gloo.
constexpr milliseconds kNever{std::chrono::hours(24 * 365)};
/// How long processes that lost one have to say that they are there.
constexpr double kRollCallSeconds = 3;

/// In memory each process reads the values of all; around Gloo's ring it reads as many of two, however many there are.
constexpr int kMostInMemory = 8;

const char* const kEnd = "end";  // what the first process to leave says, as JSON

double seconds_since(int64_t start_ns) { return static_cast<double>(now_ns() - start_ns) * 1e-9; }

std::vector<uint8_t> bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

template <typename T>
at::Tensor view_of(std::span<T> values) {
  return at::from_blob(values.data(), {static_cast<int64_t>(values.size())}, c10::CppTypeToScalarType<T>::value);
}

at::Tensor copy_of(std::string_view bytes, int64_t size) {
  at::Tensor out = at::zeros({size}, at::kByte);
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(out.data_ptr<uint8_t>()));
  return out;
}

std::string text_of(const at::Tensor& bytes, int64_t size) {
  return {reinterpret_cast<const char*>(bytes.data_ptr<uint8_t>()), static_cast<size_t>(size)};
}

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

class C10dGroup : public processes::Group {
 public:
  C10dGroup(const processes::Place& place, const JoinOptions& options);
  ~C10dGroup() override;

  int rank() const override { return place_.rank; }
  int world_size() const override { return place_.world_size; }
  void sum(std::span<float> values) override { sum_span(values); }
  void sum(std::span<double> values) override { sum_span(values); }
  void sum(std::span<int64_t> values) override { sum_span(values); }
  void sum(const at::Tensor& values) override;
  std::unique_ptr<processes::Pending> start_sum(const at::Tensor& values) override;
  std::string broadcast(std::string_view bytes, int from) override;
  std::vector<std::string> gather(std::string_view bytes) override;
  void barrier(bool patient) override;
  std::string name_of(int rank) const override;
  void leave(ErrorKind kind, std::string_view message) override;
  bool lost() const override { return lost_; }
  std::vector<int> lost_ranks() const override { return lost_ranks_; }

 private:
  /// Work of c10d that this process waits for. The tensors live as long.
  struct Underway : processes::Pending {
    Underway(C10dGroup& group, Work work, at::Tensor values)
        : group_(group), work_(std::move(work)), values_(std::move(values)) {}
    void wait() override { group_.finish(work_, false); }
    C10dGroup& group_;
    Work work_;
    at::Tensor values_;
  };
  struct UnderwayHere : processes::Pending {
    UnderwayHere(C10dGroup& group, std::shared_ptr<MemoryLane::Sum> sum) : group_(group), sum_(std::move(sum)) {}
    void wait() override { group_.finish(group_.machine_->behind, *sum_); }
    C10dGroup& group_;
    std::shared_ptr<MemoryLane::Sum> sum_;
  };

  void wait_for_all();
  template <typename T>
  void sum_span(std::span<T> values);
  std::shared_ptr<MemoryLane::Sum> start_on_machine(bool behind, const at::Tensor& values);
  void finish(MemoryLane& lane, const MemoryLane::Sum& sum);
  void sum_now(const at::Tensor& values);
  Work start_on(bool behind, const at::Tensor& values);
  Work start(const std::function<Work()>& act);
  void finish(const Work& work, bool patient);
  /// Throws what another process left with, where one did.
  void check_left();
  [[noreturn]] void throw_left();
  /// Why an act has failed, from what the store knows: an Error for the user.
  [[noreturn]] void fail_by(const std::string& cause);
  std::vector<int> silent_ranks();
  void linger(const std::vector<int>& silent = {});

  processes::Place place_;
  JoinOptions options_;
  c10::intrusive_ptr<c10d::Store> store_;
  std::vector<std::string> hosts_;
  /// Acts in front, and sums behind, each in an order of its own.
  c10::intrusive_ptr<c10d::ProcessGroupGloo> front_, behind_;
  std::unique_ptr<OneMachine> machine_;  ///< where all are on one
#ifdef USE_C10D_NCCL
  c10::intrusive_ptr<c10d::ProcessGroupNCCL> cuda_front_, cuda_behind_;
#endif
  bool lost_ = false;
  std::vector<int> lost_ranks_;
};

C10dGroup::C10dGroup(const processes::Place& place, const JoinOptions& options) : place_(place), options_(options) {
  if (place_.rank == 0) {
    require_known_address(place_);
    require_free_port(place_.port);
    store_ = open_store(place_, options_.join_seconds);
  }
  const std::string own = own_address(place_, options_.join_seconds, options_.cancel);
  if (place_.rank != 0) store_ = find_store(place_, options_);
  wait_for_all();
  const auto device = options_.interface.empty() ? c10d::ProcessGroupGloo::createDeviceForHostname(own)
                                                 : c10d::ProcessGroupGloo::createDeviceForInterface(options_.interface);
  const auto open = [&](const char* name) {
    auto gloo = c10d::ProcessGroupGloo::Options::create(kNever);
    gloo->devices = {device};
    gloo->threads = 1;  // in the order in which they were begun
    return c10::make_intrusive<c10d::ProcessGroupGloo>(c10::make_intrusive<c10d::PrefixStore>(name, store_),
                                                       place_.rank, place_.world_size, gloo);
  };
  front_ = open("front");
  behind_ = open("behind");
#ifdef USE_C10D_NCCL
  if (options_.cuda) {
    const auto open_cuda = [&](const char* name) {
      return c10::make_intrusive<c10d::ProcessGroupNCCL>(c10::make_intrusive<c10d::PrefixStore>(name, store_),
                                                         place_.rank, place_.world_size);
    };
    cuda_front_ = open_cuda("cuda_front");
    cuda_behind_ = open_cuda("cuda_behind");
  }
#endif
  machine_ = OneMachine::meet(*this, options_.shared_memory);
}

/// After a loss the connections stay open until the process ends: what hangs on them cannot be called back.
C10dGroup::~C10dGroup() {
  if (!lost_) return;
  front_.release();
  behind_.release();
  store_.release();
#ifdef USE_C10D_NCCL
  cuda_front_.release();
  cuda_behind_.release();
#endif
}

void C10dGroup::wait_for_all() {
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
    if (options_.cancel) options_.cancel->check();
    if (options_.check) options_.check();
    std::erase_if(missing, [&](int rank) { return store_->check({key("here", rank)}); });
    if (missing.empty()) break;
    if (seconds_since(start) > options_.join_seconds) {
      fail(ErrorKind::io,
           "[collectives] expected {} processes at {}:{} within {:g} s, got {}: missing rank {}; start them, or one "
           "with a smaller --world-size",
           place_.world_size, place_.address, place_.port, options_.join_seconds, place_.world_size - missing.size(),
           fmt::join(missing, ", "));
    }
    std::this_thread::sleep_for(milliseconds(20));
  }
  for (int rank = 0; rank < place_.world_size; ++rank) {
    const std::vector<uint8_t> host = store_->get(key("here", rank));
    hosts_.emplace_back(host.begin(), host.end());
  }
}

std::string C10dGroup::name_of(int rank) const {
  return fmt::format("rank {} ({})", rank, hosts_.at(static_cast<size_t>(rank)));
}

Work C10dGroup::start(const std::function<Work()>& act) {
  ensure(!lost_, "[collectives] expected all processes, got an act after one was lost");
  try {
    return act();
  } catch (const std::exception& error) {
    fail_by(error.what());
  }
}

void C10dGroup::finish(const Work& work, bool patient) {
  ensure(!lost_, "[collectives] expected all processes, got a wait after one was lost");
  const int64_t start = now_ns();
  while (true) {
    try {
      work->wait(kSlice);
      return;
    } catch (const std::exception& error) {
      if (work->isCompleted()) {
        if (work->isSuccess()) return;
        fail_by(error.what());
      }
    }
    check_left();
    if (!patient && seconds_since(start) > options_.wait_seconds) {
      fail_by(fmt::format("no answer in {:g} s", options_.wait_seconds));
    }
  }
}

Work C10dGroup::start_on(bool behind, const at::Tensor& values) {
  std::vector<at::Tensor> tensors{values};
#ifdef USE_C10D_NCCL
  if (values.is_cuda() && cuda_front_) {
    return start([&] { return (behind ? cuda_behind_ : cuda_front_)->allreduce(tensors); });
  }
#endif
  return start([&] { return (behind ? behind_ : front_)->allreduce(tensors); });
}

void C10dGroup::finish(MemoryLane& lane, const MemoryLane::Sum& sum) {
  ensure(!lost_, "[collectives] expected all processes, got a sum after one was lost");
  const int64_t start = now_ns();
  lane.finish(sum, [&](const std::function<bool()>& has_come) {
    check_left();
    if (machine_->one_has_ended() && !has_come()) fail_by("a process has ended");
    if (seconds_since(start) > options_.wait_seconds)
      fail_by(fmt::format("no answer in {:g} s", options_.wait_seconds));
  });
}

template <typename T>
void C10dGroup::sum_span(std::span<T> values) {
  if (!machine_) return sum_now(view_of(values));
  finish(machine_->front, *machine_->front.start(values));
}

void C10dGroup::sum(const at::Tensor& values) {
  if (const auto sum = start_on_machine(false, values)) return finish(machine_->front, *sum);
  sum_now(values);
}

/// Null where the values do not lie in memory one behind another, or processes are on several machines.
std::shared_ptr<MemoryLane::Sum> C10dGroup::start_on_machine(bool behind, const at::Tensor& values) {
  if (!machine_ || !values.is_cpu() || !values.is_contiguous()) return nullptr;
  if (behind && place_.world_size > kMostInMemory) return nullptr;
  MemoryLane& lane = behind ? machine_->behind : machine_->front;
  const auto keep = std::make_shared<const at::Tensor>(values);
  const auto size = static_cast<size_t>(values.numel());
  if (values.scalar_type() == at::kFloat) return lane.start(std::span(values.data_ptr<float>(), size), keep);
  if (values.scalar_type() == at::kDouble) return lane.start(std::span(values.data_ptr<double>(), size), keep);
  return nullptr;
}

void C10dGroup::sum_now(const at::Tensor& values) {
  if (values.numel() == 0) return;
  finish(start_on(false, values), false);
}

std::unique_ptr<processes::Pending> C10dGroup::start_sum(const at::Tensor& values) {
  if (auto sum = start_on_machine(true, values)) return std::make_unique<UnderwayHere>(*this, std::move(sum));
  return std::make_unique<Underway>(*this, start_on(true, values), values);
}

std::string C10dGroup::broadcast(std::string_view bytes, int from) {
  ensure(from >= 0 && from < place_.world_size, "[collectives] expected a rank below {}, got {}", place_.world_size,
         from);
  const bool own = from == place_.rank;
  const at::Tensor size = at::full({1}, own ? static_cast<int64_t>(bytes.size()) : 0, at::kLong);
  const auto send = [&](at::Tensor values) {
    std::vector<at::Tensor> tensors{std::move(values)};
    c10d::BroadcastOptions options;
    options.rootRank = from;
    finish(start([&] { return front_->broadcast(tensors, options); }), false);
  };
  send(size);
  const int64_t count = size.item<int64_t>();
  const at::Tensor values = copy_of(own ? bytes : std::string_view(), count);
  if (count > 0) send(values);
  return text_of(values, count);
}

std::vector<std::string> C10dGroup::gather(std::string_view bytes) {
  const auto world = static_cast<size_t>(place_.world_size);
  std::vector<int64_t> sizes(world, 0);
  sizes[static_cast<size_t>(place_.rank)] = static_cast<int64_t>(bytes.size());
  sum(std::span<int64_t>(sizes));
  const int64_t largest = std::max<int64_t>(1, *std::ranges::max_element(sizes));
  std::vector<at::Tensor> own{copy_of(bytes, largest)};
  std::vector<std::vector<at::Tensor>> all(1);
  for (size_t i = 0; i < world; ++i) all[0].push_back(at::empty({largest}, at::kByte));
  finish(start([&] { return front_->allgather(all, own); }), false);
  std::vector<std::string> out;
  for (size_t i = 0; i < world; ++i) out.push_back(text_of(all[0][i], sizes[i]));
  return out;
}

void C10dGroup::barrier(bool patient) {
  const at::Tensor one = at::ones({1});
  finish(start_on(false, one), patient);
}

void C10dGroup::throw_left() {
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

void C10dGroup::check_left() {
  bool left = false;
  try {
    left = store_->check({kEnd});
  } catch (const std::exception& error) {
    fail_by(error.what());
  }
  if (left) throw_left();
}

std::vector<int> C10dGroup::silent_ranks() {
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

void C10dGroup::fail_by(const std::string& cause) {
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
void C10dGroup::linger(const std::vector<int>& silent) {
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

void C10dGroup::leave(ErrorKind kind, std::string_view message) {
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

}  // namespace

std::string why_not() { return ""; }

std::unique_ptr<processes::Group> join(const processes::Place& place, const JoinOptions& options) {
  if (!place.among_others()) return processes::alone();
  try {
    return std::make_unique<C10dGroup>(place, options);
  } catch (const Error&) {
    throw;
  } catch (const c10::Error& error) {  // without its list of calls
    fail(ErrorKind::io, "[collectives] cannot meet the others of {} processes at {}:{}: {}", place.world_size,
         place.address, place.port, error.what_without_backtrace());
  } catch (const std::exception& error) {
    fail(ErrorKind::io, "[collectives] cannot meet the others of {} processes at {}:{}: {}", place.world_size,
         place.address, place.port, error.what());
  }
}

}  // namespace quench::collectives
