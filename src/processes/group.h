#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/cancel.h"
#include "processes/place.h"

namespace at {
class Tensor;
}

namespace quench::processes {

/// A sum over all processes that is on its way.
class Pending {
 public:
  virtual ~Pending() = default;
  /// Returns when the tensor has the sum. Errors as of Group.
  virtual void wait() = 0;
};

/// What several processes that work together say to one another. Each function is one act of all of them: all call the
/// same ones in the same order, with values of the same sizes, and none returns before all that it needs have come.
/// The sums that start() begins have an order of their own: they need not stand in the same places among the others.
///
/// Used from one thread. Where another process ended or left, with whatever cause, each function throws one Error that
/// says which and why: the kind and message that it left with, or Error{backend} naming rank and host where it is gone.
/// The group is lost() then, and nothing else can be done with it. `cancel` does not end a wait: processes agree on
/// that by a sum, so that all stop at the same place.
class Group {
 public:
  virtual ~Group() = default;

  virtual int rank() const = 0;
  virtual int world_size() const = 0;
  bool leads() const { return rank() == 0; }

  /// Replaces each value by its sum over all processes: the same bits everywhere.
  virtual void sum(std::span<float> values) = 0;
  virtual void sum(std::span<double> values) = 0;
  virtual void sum(std::span<int64_t> values) = 0;
  /// Likewise a dense tensor of float or double, in place, on the device that it is on.
  virtual void sum(const at::Tensor& values) = 0;
  /// Likewise, while the caller goes on; nobody reads or writes the tensor before wait(). It is kept alive.
  virtual std::unique_ptr<Pending> start_sum(const at::Tensor& values) = 0;

  /// What rank `from` has, everywhere. bytes: of that rank; of others of no matter.
  virtual std::string broadcast(std::string_view bytes, int from = 0) = 0;
  /// What all have, in the order of ranks, everywhere. They may differ in size.
  virtual std::vector<std::string> gather(std::string_view bytes) = 0;
  /// Returns when all have called it. patient: however long that takes, as where one process evaluates a model while
  /// the others wait; else the time that the group was made with is the limit.
  virtual void barrier(bool patient = false) = 0;

  /// "rank 1 (node3)".
  virtual std::string name_of(int rank) const = 0;
  /// Tells the others why this process ends before the work is done: their next act, or the one that they wait in,
  /// throws an Error of this kind and message. Waits some seconds at most for them to have heard.
  virtual void leave(ErrorKind kind, std::string_view message) = 0;
  /// Whether another process has ended or left.
  virtual bool lost() const = 0;
  /// Those that are gone without a word, as far as this process knows.
  virtual std::vector<int> lost_ranks() const = 0;
};

/// The group of one process alone: sums are the values, gathers what was given. For code that is the same for any
/// number.
std::unique_ptr<Group> alone();

}  // namespace quench::processes
