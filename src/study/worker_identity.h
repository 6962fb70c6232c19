#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/json.h"

namespace quench::study {

/// A process that works on jobs, as it tells the others in its claims.
struct WorkerIdentity {
  std::string host;     ///< its machine's name, for people: "node17"
  std::string machine;  ///< processes with the same text can ask for each other: this start of the machine, and the
                        ///< name space of process numbers
  int64_t process = 0;
  int64_t started = 0;  ///< of the process, in the kernel's ticks: a number that is used again is another process
  std::string owner;    ///< what a scheduler runs once at a time: "slurm 123_4"; empty: none

  bool operator==(const WorkerIdentity&) const = default;
};

/// This process.
WorkerIdentity this_worker(std::string owner = "");

/// Whether the process of `other` is gone, as far as `self` can know at once: it is of the same machine and not there,
/// or of the same owner, which runs once at a time, and another process. Empty: it cannot be known from here.
std::optional<bool> is_gone(const WorkerIdentity& other, const WorkerIdentity& self);

Json to_json(const WorkerIdentity& worker);
/// Throws std::exception for what is none.
WorkerIdentity worker_from(const Json& json);

}  // namespace quench::study
