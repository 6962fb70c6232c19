// Addresses and quoting, and the way to a device through a real sshd on loopback.
#include <algorithm>
#include <atomic>
#include <utility>

#include "error_testing.h"
#include "remote/ssh.h"
#include "remote_testing.h"

namespace quench::remote {
namespace {

namespace fs = std::filesystem;

TEST(SshAddress, ReadsWhatItWrites) {
  for (const char* text : {"ssh://nano", "ssh://user@nano", "ssh://user@10.0.0.7:2222", "ssh://jetson-nano.local:22",
                           "ssh://u@[fe80::1%eth0]:22", "ssh://[::1]"}) {
    EXPECT_EQ(parse_ssh_address(text).text(), text);
  }
  const SshAddress address = parse_ssh_address("ssh://a.b-c_d+e@nano:65535");
  EXPECT_EQ(address.user, "a.b-c_d+e");
  EXPECT_EQ(address.host, "nano");
  EXPECT_EQ(address.port, 65535);
  EXPECT_EQ(parse_ssh_address("ssh://u@[::1]:7").host, "::1");
}

TEST(SshAddress, RefusesWhatSshOrAShellCouldTakeForSomethingElse) {
  for (const char* text : {"",
                           "nano",
                           "http://nano",
                           "ssh://",
                           "ssh://@nano",
                           "ssh://-oProxyCommand=x",
                           "ssh://u@-x",
                           "ssh://-u@nano",
                           "ssh://nano:",
                           "ssh://nano:0",
                           "ssh://nano:65536",
                           "ssh://nano:22x",
                           "ssh://nano/path",
                           "ssh://a b",
                           "ssh://a;b",
                           "ssh://$(x)",
                           "ssh://a'b",
                           "ssh://u:p@nano",
                           "ssh://[::1",
                           "ssh://[::1]22",
                           "ssh://[]",
                           "ssh://a@b@c"}) {
    const auto [kind, message] = error_of([&] { parse_ssh_address(text); });
    EXPECT_EQ(kind, ErrorKind::config) << text;
    EXPECT_NE(message.find(std::string("'") + text + "'"), std::string::npos) << message;
  }
}

TEST(ShellQuote, AnyTextIsOneWord) {
  for (const std::string text : {"", "a", "a b", "it's", "''", "$HOME `x` \"y\" \\", "line\nline\t*", "-n", "ü"}) {
    EXPECT_EQ(run_process({"/bin/sh", "-c", "printf %s " + shell_quote(text)}).output, text);
  }
}

using SshTest = RemoteTest;

TEST_F(SshTest, ScriptsRunThereAsTheyAre) {
  Ssh ssh = connect();
  const std::string odd = "it's \"$odd\" `x` \\ *";
  SshCall call;
  call.input = "from here\n";
  std::vector<std::string> lines;
  call.on_output = [&lines](std::string_view line) { lines.emplace_back(line); };
  const SshAnswer answer = ssh.once("printf '%s\\n' " + shell_quote(odd) + "; cat; echo said >&2; exit 7", call);
  EXPECT_FALSE(answer.lost);
  EXPECT_EQ(answer.exit_code, 7);
  EXPECT_EQ(answer.output, "") << "a listener hears it, and it may be long";
  EXPECT_EQ(lines, (std::vector<std::string>{odd, "from here"}));
  EXPECT_NE(answer.error.find("said"), std::string::npos);
  call.on_output = nullptr;
  EXPECT_EQ(ssh.once("printf '%s\\n' " + shell_quote(odd) + "; cat", call).output, odd + "\nfrom here\n");
}

TEST_F(SshTest, WhatALoginPrintsIsNoAnswer) {
  server_->set_session("echo Welcome to /home; echo on stderr >&2");
  EXPECT_EQ(connect().once("echo mine").output, "mine\n");
  server_->set_session("echo Welcome; printf 'hi '");  // as some .bashrc
  EXPECT_EQ(connect().once("echo mine").output, "mine\n");
  EXPECT_EQ(connect().insist("true").output, "");
}

TEST_F(SshTest, WithoutAKeyNobodyIsLetIn) {
  options_.config = server_->write_client("other_config", "other", "known_hosts");
  const auto [kind, message] = error_of([&] { connect().once("true"); });
  EXPECT_EQ(kind, ErrorKind::io);
  for (const char* part : {"127.0.0.1", "Permission denied", "set up a key"}) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
}

TEST_F(SshTest, AHostKeyThatIsNotKnownIsNotTaken) {
  options_.config = server_->write_client("unknown_config", "key", "no_such_file");
  auto [kind, message] = error_of([&] { connect().once("true"); });
  EXPECT_EQ(kind, ErrorKind::io);
  EXPECT_NE(message.find("host key"), std::string::npos) << message;
  // Another key than the one that is known.
  std::string other = read_file(folder_ / "other.pub");
  write_file(folder_ / "wrong_hosts", fmt::format("[127.0.0.1]:{} {}", server_->port(), other));
  options_.config = server_->write_client("wrong_config", "key", "wrong_hosts");
  std::tie(kind, message) = error_of([&] { connect().once("true"); });
  EXPECT_EQ(kind, ErrorKind::io);
  EXPECT_NE(message.find("host key"), std::string::npos) << message;
}

TEST_F(SshTest, ADeviceThatIsNotThereIsToldAtOnce) {
  server_->stop();
  const auto [kind, message] = error_of([&] { connect().insist("true"); });
  EXPECT_EQ(kind, ErrorKind::io);
  EXPECT_NE(message.find("cannot be reached"), std::string::npos) << message;
  EXPECT_TRUE(warnings_.empty()) << "it was never there: no second try";
}

TEST_F(SshTest, AConnectionThatComesBackIsUsed) {
  Ssh ssh = connect();
  ssh.once("true");
  server_->stop();
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    server_->start();
  });
  EXPECT_EQ(ssh.insist("echo back").output, "back\n");
  later.join();
  EXPECT_GT(warnings_.size(), 1u) << "with growing pauses";
}

TEST_F(SshTest, ADeviceThatWasReachedIsSoughtWhateverSshSays) {
  Ssh ssh = connect();
  ssh.once("true");
  std::atomic<bool> refused = false;
  log_.message = [&](LogLevel, std::string_view text) {
    if (text.find("Permission denied") != std::string_view::npos) refused = true;
  };
  // As while its home is not mounted yet, after a restart.
  fs::rename(folder_ / "authorized", folder_ / "away");
  server_->drop();
  std::thread later([&] {
    while (!refused) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    fs::rename(folder_ / "away", folder_ / "authorized");
  });
  EXPECT_EQ(ssh.insist("echo back").output, "back\n");
  later.join();
}

TEST_F(SshTest, AConnectionThatHeldInSilenceBeginsTheCountAnew) {
  options_.reconnect_seconds = 1;
  Ssh ssh = connect();
  ssh.once("true");
  const fs::path tries = server_->home() / "tries";
  constexpr int kCuts = 3;
  std::thread cutter([&] {
    for (int cut = 1; cut <= kCuts; ++cut) {
      while (!fs::exists(tries) || std::cmp_less(fs::file_size(tries), cut)) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1500));  // longer than what is allowed without it
      server_->drop();
    }
  });
  const SshAnswer answer =
      ssh.insist(fmt::format("printf x >>{0}; [ $(wc -c <{0}) -gt {1} ] || sleep 30", tries.string(), kCuts));
  cutter.join();
  EXPECT_FALSE(answer.lost);
  EXPECT_EQ(fs::file_size(tries), kCuts + 1u);
}

TEST_F(SshTest, OneThatDoesNotIsGivenUp) {
  options_.reconnect_seconds = 0.5;
  Ssh ssh = connect();
  ssh.once("true");
  server_->stop();
  const auto [kind, message] = error_of([&] { ssh.insist("true"); });
  EXPECT_EQ(kind, ErrorKind::io);
  EXPECT_NE(message.find("did not come back"), std::string::npos) << message;
}

TEST_F(SshTest, CancelEndsTheWaiting) {
  Ssh ssh = connect();
  ssh.once("true");
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    cancel_.cancel();
  });
  EXPECT_EQ(error_of([&] { ssh.insist("sleep 30"); }).first, ErrorKind::cancelled);
  later.join();
}

TEST_F(SshTest, WithoutSshItSaysSo) {
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", "/nowhere", 1);
  const auto [kind, message] = error_of([&] { connect().once("true"); });
  ::setenv("PATH", path.c_str(), 1);
  EXPECT_EQ(kind, ErrorKind::io) << "it is not the device that cannot";
  EXPECT_NE(message.find("ssh"), std::string::npos) << message;
}

}  // namespace
}  // namespace quench::remote
