#include "collectives/one_machine.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

namespace quench::collectives {
namespace {

/// 512 KiB for what all wait for; 8 MiB a process, which holds the gradients of a small model, for the rest.
constexpr size_t kFrontChunks = 16, kBehindChunks = 256;

/// Where the numbers of processes mean the same. Empty where that cannot be known.
std::string process_space() {
  struct stat found {};
  if (::stat("/proc/self/ns/pid", &found) != 0) return "";
  return fmt::format("{} {}", found.st_dev, found.st_ino);
}

size_t front_bytes(int world_size) { return MemoryLane::bytes_for(world_size, kFrontChunks); }

}  // namespace

OneMachine::OneMachine(std::unique_ptr<SharedMemory> memory, std::unique_ptr<ProcessWatch> watch,
                       const processes::Group& group)
    : front(memory->data(), group.rank(), group.world_size(), kFrontChunks),
      behind(memory->data() + front_bytes(group.world_size()), group.rank(), group.world_size(), kBehindChunks),
      memory_(std::move(memory)),
      watch_(std::move(watch)) {}

std::unique_ptr<OneMachine> OneMachine::meet(processes::Group& group, bool wanted) {
  const size_t bytes = front_bytes(group.world_size()) + MemoryLane::bytes_for(group.world_size(), kBehindChunks);
  std::unique_ptr<SharedMemory> memory;
  if (group.leads() && wanted) memory = SharedMemory::create(bytes);
  const std::string name = group.broadcast(memory ? memory->name() : "");
  if (!group.leads() && wanted) memory = SharedMemory::attach(name, bytes);
  const std::string space = process_space();
  std::vector<pid_t> ids;
  for (const std::string& said : group.gather(memory ? fmt::format("{} {}", ::getpid(), space) : "")) {
    pid_t id = 0;
    const auto [end, status] = std::from_chars(said.data(), said.data() + said.size(), id);
    if (status == std::errc() && !space.empty() && said.ends_with(' ' + space)) ids.push_back(id);
  }
  std::unique_ptr<ProcessWatch> watch;
  if (std::ssize(ids) == group.world_size()) watch = ProcessWatch::of(ids);
  std::array<int64_t, 1> ready{watch ? 1 : 0};
  group.sum(ready);
  if (ready[0] < group.world_size()) return nullptr;
  memory->seal();
  return std::unique_ptr<OneMachine>(new OneMachine(std::move(memory), std::move(watch), group));
}

}  // namespace quench::collectives
