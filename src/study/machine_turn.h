#pragma once

#include <filesystem>
#include <memory>

#include "core/cancel.h"

namespace quench::study {

/// Processes of one user on one machine take turns: any number share it, or one, which times something, has it alone.
/// By advisory locks (flock) on two files in a folder of the machine's own, gone with the process however that ends.
class MachineTurn {
 public:
  /// folder: on this machine, not on one that others see; made where it is missing. Throws Error{io}.
  explicit MachineTurn(const std::filesystem::path& folder);
  ~MachineTurn();
  MachineTurn(const MachineTurn&) = delete;
  MachineTurn& operator=(const MachineTurn&) = delete;

  /// While it lives, it is this process's turn.
  class Turn {
   public:
    explicit Turn(const MachineTurn& machine) : machine_(machine) {}
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    const MachineTurn& machine_;
  };

  /// Waits for the turn. Who wants the machine alone is not overtaken: others that come later wait behind it. Throws
  /// Error{cancelled}, Error{io}.
  std::unique_ptr<Turn> wait(bool alone, const CancelToken& cancel) const;

 private:
  int gate_ = -1;  ///< held by who waits
  int room_ = -1;  ///< held by who works
};

}  // namespace quench::study
