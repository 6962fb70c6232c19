#pragma once

#include <string>
#include <string_view>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <vector>

#include "collectives/join.h"
#include "core/error.h"

namespace quench::collectives {

/// Where the processes of a group meet, and say why they leave: c10d's store, which rank 0 serves at the address and
/// port of its place. Values move elsewhere.
///
/// A process that is killed says nothing. The others see it by their connections, call the roll here, and all that
/// live end with the same names.
class MeetingStore {
 public:
  /// Waits until all processes of the place's group are here.
  ///
  /// Throws Error{io} where the port is taken, the address is not known, what listens there is no rank 0, or some do
  /// not come within `join_seconds`, naming their ranks; Error{config} where a rank is there twice; Error{cancelled}.
  MeetingStore(const processes::Place& place, const JoinOptions& options);

  /// After a loss the connection stays open until the process ends: what hangs on it cannot be called back.
  ~MeetingStore();
  MeetingStore(const MeetingStore&) = delete;
  MeetingStore& operator=(const MeetingStore&) = delete;

  const c10::intrusive_ptr<c10d::Store>& store() const { return store_; }

  /// The address by which others reach this process.
  const std::string& own_address() const { return own_address_; }

  /// "rank 1 (HOST, process 4711)".
  std::string name_of(int rank) const;

  /// Whether this process has left, or has heard that another has.
  bool lost() const { return lost_; }

  /// Those that ended without a word.
  const std::vector<int>& lost_ranks() const { return lost_ranks_; }

  /// Says why this process leaves. The first one's word is what all others throw. Throws nothing.
  void leave(ErrorKind kind, std::string_view message);

  /// Throws what another process left with, where one did.
  void check_left();

  /// Throws why an act has failed: what another process left with, else Error{backend} that names those that are
  /// silent, else `cause`.
  [[noreturn]] void fail_by(const std::string& cause);

 private:
  void wait_for_all(const JoinOptions& options);
  [[noreturn]] void throw_left();
  std::vector<int> silent_ranks();
  void linger(const std::vector<int>& silent = {});

  processes::Place place_;
  c10::intrusive_ptr<c10d::Store> store_;
  std::string own_address_;
  std::vector<std::string> hosts_;
  bool lost_ = false;
  std::vector<int> lost_ranks_;
};

}  // namespace quench::collectives
