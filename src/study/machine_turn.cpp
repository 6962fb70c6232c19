#include "study/machine_turn.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace quench::study {
namespace {

constexpr int kWaitUs = 20'000;

int open_lock(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) fail(ErrorKind::io, "[study.machine] cannot open {}: {}", file.string(), std::strerror(errno));
  return descriptor;
}

void wait_for(int descriptor, int how, const CancelToken& cancel) {
  while (::flock(descriptor, how | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      fail(ErrorKind::io, "[study.machine] cannot lock: {}", std::strerror(errno));
    }
    cancel.check();
    ::usleep(kWaitUs);
  }
}

}  // namespace

MachineTurn::MachineTurn(const std::filesystem::path& folder) {
  std::error_code code;
  std::filesystem::create_directories(folder, code);
  if (code) fail(ErrorKind::io, "[study.machine] cannot make {}: {}", folder.string(), code.message());
  gate_ = open_lock(folder / "gate.lock");
  room_ = open_lock(folder / "room.lock");
}

MachineTurn::~MachineTurn() {
  ::close(gate_);
  ::close(room_);
}

MachineTurn::Turn::~Turn() { ::flock(machine_.room_, LOCK_UN); }

std::unique_ptr<MachineTurn::Turn> MachineTurn::wait(bool alone, const CancelToken& cancel) const {
  wait_for(gate_, LOCK_EX, cancel);
  try {
    wait_for(room_, alone ? LOCK_EX : LOCK_SH, cancel);
  } catch (...) {
    ::flock(gate_, LOCK_UN);
    throw;
  }
  ::flock(gate_, LOCK_UN);
  return std::make_unique<Turn>(*this);
}

}  // namespace quench::study
