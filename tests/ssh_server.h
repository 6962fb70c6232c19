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

namespace quench {

/// A real sshd on loopback, run by the current user with keys and settings of its own; its sessions have a home of
/// their own too. Everything lies in one folder.
class SshServer {
 public:
  /// Why there can be none here; empty where there can.
  static std::string missing() {
    for (const char* program : {"/usr/sbin/sshd", "/usr/bin/ssh", "/usr/bin/ssh-keygen"}) {
      if (!std::filesystem::exists(program)) return std::string("needs ") + program;
    }
    // sshd as root wants a folder that a system's start makes.
    if (::getuid() == 0 && !std::filesystem::exists("/run/sshd")) {
      std::error_code code;
      std::filesystem::create_directory("/run/sshd", code);
      if (code) return "needs /run/sshd";
    }
    return "";
  }

  explicit SshServer(std::filesystem::path folder) : folder_(std::move(folder)) {
    std::filesystem::create_directories(home());
    for (const char* name : {"host", "key", "other"}) {
      run_process({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", (folder_ / name).string()});
    }
    std::filesystem::copy_file(folder_ / "key.pub", folder_ / "authorized");
    port_ = free_port();
    // A login shell reads its files in the home too: not those of who tests.
    write_file(folder_ / "sshd_config",
               fmt::format("Port {0}\nListenAddress 127.0.0.1\nHostKey {1}/host\nAuthorizedKeysFile {1}/authorized\n"
                           "PidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\n"
                           "KbdInteractiveAuthentication no\nMaxStartups 100\nSetEnv HOME={1}/home\n"
                           "ForceCommand /bin/sh {1}/session\n",
                           port_, folder_.string()));
    set_session("");
    std::ifstream host(folder_ / "host.pub");
    std::string type, key;
    host >> type >> key;
    write_file(folder_ / "known_hosts", fmt::format("[127.0.0.1]:{} {} {}\n", port_, type, key));
    write_client("ssh_config", "key", "known_hosts");
    start();
  }
  ~SshServer() { stop(); }
  SshServer(const SshServer&) = delete;
  SshServer& operator=(const SshServer&) = delete;

  std::string address() const { return fmt::format("ssh://127.0.0.1:{}", port_); }
  int port() const { return port_; }
  std::filesystem::path home() const { return folder_ / "home"; }
  std::filesystem::path config() const { return folder_ / "ssh_config"; }
  /// The agent's folder there.
  std::filesystem::path cache() const { return home() / ".cache/quench-agent"; }

  /// Settings for clients with another key, or other known hosts.
  std::filesystem::path write_client(const std::string& name, const std::string& key, const std::string& known) const {
    write_file(folder_ / name, fmt::format("Host *\n  IdentityFile {0}/{1}\n  IdentitiesOnly yes\n"
                                           "  UserKnownHostsFile {0}/{2}\n  StrictHostKeyChecking yes\n"
                                           "  GlobalKnownHostsFile none\n  IdentityAgent none\n",
                                           folder_.string(), key, known));
    return folder_ / name;
  }
  /// Shell lines that every session runs first.
  void set_session(const std::string& lines) const {
    write_file(folder_ / "session", fmt::format("HOME={0}; export HOME; cd {0}\n{1}\neval \"$SSH_ORIGINAL_COMMAND\"\n",
                                                home().string(), lines));
  }

  void start() {
    const std::string config = (folder_ / "sshd_config").string();
    std::string words[] = {"/usr/sbin/sshd", "-D", "-f", config};
    char* pointers[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
    ASSERT_EQ(::posix_spawn(&process_, pointers[0], nullptr, nullptr, pointers, environ), 0);
    for (int i = 0; i < 200 && !listens(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    ASSERT_TRUE(listens()) << "sshd did not start";
  }
  /// Ends the server and every connection.
  void stop() {
    if (process_ <= 0) return;
    drop();
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = -1;
  }
  /// Cuts all connections, as a network that fails would; what runs detached goes on. Returns how many processes
  /// served.
  int drop() const {
    int count = 0;
    for (const pid_t child : descendants(process_)) count += ::kill(child, SIGKILL) == 0;
    return count;
  }
  bool listens() const {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(port_);
    const bool open = ::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(socket);
    return open;
  }

 private:
  static sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    return address;
  }
  static int free_port() {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    ::bind(socket, reinterpret_cast<sockaddr*>(&address), size);
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
    ::close(socket);
    return ntohs(address.sin_port);
  }
  /// Processes that come from one, by /proc.
  static std::vector<pid_t> descendants(pid_t parent) {
    std::vector<pid_t> found;
    std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", parent));
    for (pid_t child; children >> child;) {
      found.push_back(child);
      for (const pid_t grandchild : descendants(child)) found.push_back(grandchild);
    }
    return found;
  }

  std::filesystem::path folder_;
  int port_ = 0;
  pid_t process_ = -1;
};

}  // namespace quench
