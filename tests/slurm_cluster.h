#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "core/file.h"
#include "core/process.h"

extern char** environ;

namespace quench {

/// A Slurm of one node on loopback, run by the current user with settings, ports and folders of its own: no munge, no
/// database, no control groups. SLURM_CONF of this process names it.
class SlurmCluster {
 public:
  /// Why there can be none here; empty where there can.
  static std::string missing() {
    for (const char* program : {"/usr/sbin/slurmctld", "/usr/sbin/slurmd", "/usr/bin/sbatch"}) {
      if (!std::filesystem::exists(program)) return std::string("needs ") + program + " (Debian's slurm-wlm)";
    }
    return "";
  }

  explicit SlurmCluster(std::filesystem::path folder) : folder_(std::move(folder)) {
    for (const char* name : {"state", "spool"}) std::filesystem::create_directories(folder_ / name);
    char host[256] = {};
    ::gethostname(host, sizeof host - 1);
    const std::string short_host = std::string(host).substr(0, std::string(host).find('.'));
    const std::string user = last_line(run_process({"id", "-un"}).output);
    write_file(config(), fmt::format(R"(ClusterName=test
SlurmctldHost={0}(127.0.0.1)
SlurmctldPort={1}
SlurmUser={2}
SlurmdUser={2}
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,bf_interval=1
StateSaveLocation={3}/state
SlurmdSpoolDir={3}/spool
SlurmctldPidFile={3}/slurmctld.pid
SlurmdPidFile={3}/slurmd.pid
SlurmctldLogFile={3}/slurmctld.log
SlurmdLogFile={3}/slurmd.log
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
SlurmdTimeout=10
MinJobAge=3600
KillWait=5
NodeName=n1 NodeHostname={0} NodeAddr=127.0.0.1 Port={4} CPUs=2 RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=n1 Default=YES MaxTime=60 State=UP
)",
                                     short_host, free_port(), user, folder_.string(), free_port()));
    ::setenv("SLURM_CONF", config().c_str(), 1);
    controller_ = spawn({"/usr/sbin/slurmctld", "-D", "-c", "-f", config().string()});
    start_node();
  }
  ~SlurmCluster() {
    run_process({"scancel", "--me"});
    kill_node();
    ::kill(controller_, SIGTERM);
    ::waitpid(controller_, nullptr, 0);
    ::unsetenv("SLURM_CONF");
  }
  SlurmCluster(const SlurmCluster&) = delete;
  SlurmCluster& operator=(const SlurmCluster&) = delete;

  void start_node() { node_ = spawn({"/usr/sbin/slurmd", "-D", "-N", "n1", "-f", config().string()}); }
  /// The node's power goes: its daemon and all that runs there are gone at once, as is what it kept in memory: the
  /// scripts of its jobs. (Where they outlive it, a job whose step had not begun is held when it is started again.)
  void kill_node() {
    std::vector<pid_t> all{node_};
    // Slurm's step daemons are no children of the node's: they are known by the folder of its jobs.
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      std::ifstream command(entry.path() / "environ");
      const std::string text{std::istreambuf_iterator<char>(command), {}};
      const pid_t id = std::atoi(entry.path().filename().c_str());
      const bool ours = text.find("SLURM_CONF=" + config().string()) != std::string::npos;
      if (!ours || id == ::getpid() || id == controller_) continue;
      std::ifstream name_of(entry.path() / "comm");
      std::string name;
      std::getline(name_of, name);
      const bool is_job = text.find("SLURM_JOB_ID=") != std::string::npos;
      if (name.starts_with("slurmstepd") || is_job) all.push_back(id);
    }
    for (const pid_t id : all) ::kill(id, SIGKILL);
    ::waitpid(node_, nullptr, 0);
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / "spool")) {
      if (entry.path().filename().string().starts_with("job")) std::filesystem::remove_all(entry.path());
    }
  }
  /// Waits until the node takes jobs.
  bool is_up() const {
    for (int i = 0; i < 120; ++i) {
      if (run_process({"sinfo", "-h", "-o", "%T"}).output.find("idle") != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(250));
    }
    return false;
  }
  std::string queue() const { return run_process({"squeue", "-h", "-r", "-o", "%i %T %j %r"}).output; }
  std::filesystem::path config() const { return folder_ / "slurm.conf"; }
  std::string logs() const {
    std::string text;
    for (const char* name : {"slurmctld.log", "slurmd.log"}) {
      if (std::filesystem::exists(folder_ / name)) text += read_file(folder_ / name);
    }
    return text.substr(text.size() > 4000 ? text.size() - 4000 : 0);
  }

 private:
  static int free_port() {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(socket, reinterpret_cast<sockaddr*>(&address), size);
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
    ::close(socket);
    return ntohs(address.sin_port);
  }
  pid_t spawn(std::vector<std::string> words) const {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const std::string out = (folder_ / "daemons.out").string();
    posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    pid_t id = -1;
    EXPECT_EQ(::posix_spawn(&id, pointers[0], &actions, nullptr, pointers.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    return id;
  }

  std::filesystem::path folder_;
  pid_t controller_ = -1, node_ = -1;
};

}  // namespace quench
