#pragma once

#include <memory>

#include "core/cancel.h"
#include "core/log.h"
#include "remote/ssh.h"
#include "ssh_server.h"

namespace quench::remote {

/// A device on loopback.
class RemoteTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = SshServer::missing(); !missing.empty()) GTEST_SKIP() << missing;
    folder_ = std::filesystem::temp_directory_path() / fmt::format("quench-remote-{}", ::getpid());
    std::filesystem::remove_all(folder_);
    server_ = std::make_unique<SshServer>(folder_);
    options_ = {.config = server_->config(), .reconnect_seconds = 60, .first_wait_seconds = 0.1};
    log_.message = [this](LogLevel level, std::string_view text) {
      (level == LogLevel::warning ? warnings_ : infos_).emplace_back(text);
    };
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }
  Ssh connect() { return {parse_ssh_address(server_->address()), options_, log_, cancel_}; }
  /// Files in the agent's folder there, but for the folder of jobs.
  std::vector<std::string> cached() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(server_->cache())) {
      if (!entry.is_directory()) names.push_back(entry.path().filename().string());
    }
    return names;
  }
  int64_t jobs() const {
    return std::distance(std::filesystem::directory_iterator(server_->cache() / "jobs"),
                         std::filesystem::directory_iterator());
  }
  bool warned(const std::string& part) const {
    return std::any_of(warnings_.begin(), warnings_.end(),
                       [&](const std::string& text) { return text.find(part) != std::string::npos; });
  }

  std::filesystem::path folder_;
  std::unique_ptr<SshServer> server_;
  SshOptions options_;
  LogSink log_;
  CancelToken cancel_;
  std::vector<std::string> warnings_, infos_;
};

}  // namespace quench::remote
