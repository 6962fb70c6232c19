// The group of several processes by c10d: https://pytorch.org/docs/stable/distributed.html

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif
#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <functional>

#include "collectives/join.h"
#include "collectives/meeting_store.h"
#include "collectives/one_machine.h"
#include "core/clock.h"
#include "core/error.h"

namespace quench::collectives {
namespace {

using std::chrono::milliseconds;
using Work = c10::intrusive_ptr<c10d::Work>;

/// How long a wait lasts before the store is asked whether another process has left.
constexpr milliseconds kSlice{500};
/// Waits are limited here, not by Gloo.
constexpr milliseconds kNever{std::chrono::hours(24 * 365)};
/// In memory each process reads the values of all; around Gloo's ring it reads as many of two, however many there are.
constexpr int kMostInMemory = 8;

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
  std::string name_of(int rank) const override { return meeting_.name_of(rank); }
  void leave(ErrorKind kind, std::string_view message) override { meeting_.leave(kind, message); }
  bool lost() const override { return meeting_.lost(); }
  std::vector<int> lost_ranks() const override { return meeting_.lost_ranks(); }

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

  template <typename T>
  void sum_span(std::span<T> values);
  std::shared_ptr<MemoryLane::Sum> start_on_machine(bool behind, const at::Tensor& values);
  void finish(MemoryLane& lane, const MemoryLane::Sum& sum);
  void sum_now(const at::Tensor& values);
  Work start_on(bool behind, const at::Tensor& values);
  Work start(const std::function<Work()>& act);
  void finish(const Work& work, bool patient);

  processes::Place place_;
  JoinOptions options_;
  MeetingStore meeting_;
  /// Acts in front, and sums behind, each in an order of its own.
  c10::intrusive_ptr<c10d::ProcessGroupGloo> front_, behind_;
  std::unique_ptr<OneMachine> machine_;  ///< where all are on one
#ifdef USE_C10D_NCCL
  c10::intrusive_ptr<c10d::ProcessGroupNCCL> cuda_front_, cuda_behind_;
#endif
};

C10dGroup::C10dGroup(const processes::Place& place, const JoinOptions& options)
    : place_(place), options_(options), meeting_(place, options) {
  const auto device = options_.interface.empty()
                          ? c10d::ProcessGroupGloo::createDeviceForHostname(meeting_.own_address())
                          : c10d::ProcessGroupGloo::createDeviceForInterface(options_.interface);
  const auto open = [&](const char* name) {
    auto gloo = c10d::ProcessGroupGloo::Options::create(kNever);
    gloo->devices = {device};
    gloo->threads = 1;  // in the order in which they were begun
    return c10::make_intrusive<c10d::ProcessGroupGloo>(c10::make_intrusive<c10d::PrefixStore>(name, meeting_.store()),
                                                       place_.rank, place_.world_size, gloo);
  };
  front_ = open("front");
  behind_ = open("behind");
#ifdef USE_C10D_NCCL
  if (options_.cuda) {
    const auto open_cuda = [&](const char* name) {
      return c10::make_intrusive<c10d::ProcessGroupNCCL>(c10::make_intrusive<c10d::PrefixStore>(name, meeting_.store()),
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
  if (!lost()) return;
  front_.release();
  behind_.release();
#ifdef USE_C10D_NCCL
  cuda_front_.release();
  cuda_behind_.release();
#endif
}

Work C10dGroup::start(const std::function<Work()>& act) {
  ensure(!lost(), "[collectives] expected all processes, got an act after one was lost");
  try {
    return act();
  } catch (const std::exception& error) {
    meeting_.fail_by(error.what());
  }
}

void C10dGroup::finish(const Work& work, bool patient) {
  ensure(!lost(), "[collectives] expected all processes, got a wait after one was lost");
  const int64_t start = now_ns();
  while (true) {
    try {
      work->wait(kSlice);
      return;
    } catch (const std::exception& error) {
      if (work->isCompleted()) {
        if (work->isSuccess()) return;
        meeting_.fail_by(error.what());
      }
    }
    meeting_.check_left();
    if (!patient && seconds_since(start) > options_.wait_seconds) {
      meeting_.fail_by(fmt::format("no answer in {:g} s", options_.wait_seconds));
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
  ensure(!lost(), "[collectives] expected all processes, got a sum after one was lost");
  const int64_t start = now_ns();
  lane.finish(sum, [&](const std::function<bool()>& has_come) {
    meeting_.check_left();
    if (machine_->one_has_ended() && !has_come()) meeting_.fail_by("a process has ended");
    if (seconds_since(start) > options_.wait_seconds)
      meeting_.fail_by(fmt::format("no answer in {:g} s", options_.wait_seconds));
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
