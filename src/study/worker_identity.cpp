#include "study/worker_identity.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <sstream>

namespace quench::study {
namespace {

std::string first_line(const char* file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

/// The 22nd word of /proc/PROCESS/stat; 0 where there is none. The second, the program's name, may have blanks.
int64_t start_of(int64_t process) {
  std::ifstream in(fmt::format("/proc/{}/stat", process));
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream words(text.substr(name_end + 1));
  std::string word;
  for (int i = 3; i < 22; ++i) words >> word;
  int64_t ticks = 0;
  words >> ticks;
  return ticks;
}

}  // namespace

WorkerIdentity this_worker(std::string owner) {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  char space[64] = {};
  const ssize_t count = ::readlink("/proc/self/ns/pid", space, sizeof space - 1);
  WorkerIdentity self;
  self.host = name[0] ? name : "unknown";
  self.machine = first_line("/proc/sys/kernel/random/boot_id") + " " + (count > 0 ? space : "");
  self.process = ::getpid();
  self.started = start_of(self.process);
  self.owner = std::move(owner);
  return self;
}

std::optional<bool> is_gone(const WorkerIdentity& other, const WorkerIdentity& self) {
  if (!other.owner.empty() && other.owner == self.owner) return other.process != self.process || other != self;
  if (other.machine.size() < 2 || other.machine != self.machine) return std::nullopt;
  if (::kill(static_cast<pid_t>(other.process), 0) != 0 && errno == ESRCH) return true;
  const int64_t now = start_of(other.process);
  return now != 0 && other.started != 0 && now != other.started;
}

Json to_json(const WorkerIdentity& worker) {
  return {{"host", worker.host},
          {"machine", worker.machine},
          {"process", worker.process},
          {"started", worker.started},
          {"owner", worker.owner}};
}

WorkerIdentity worker_from(const Json& json) {
  return {json.at("host").get<std::string>(), json.at("machine").get<std::string>(), json.at("process").get<int64_t>(),
          json.at("started").get<int64_t>(), json.at("owner").get<std::string>()};
}

}  // namespace quench::study
