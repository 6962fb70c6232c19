#include "remote/ssh.h"

#include <stdlib.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <thread>
#include <vector>

#include "core/clock.h"
#include "core/error.h"
#include "core/process.h"

namespace quench::remote {
namespace {

constexpr int kLost = 255;  // ssh's own exit code for a connection that failed
constexpr double kLongestWaitSeconds = 30;
constexpr size_t kMostBytes = size_t{256} << 20;  // of a script's answer: a month of progress, a line a second
constexpr char kBegin[] =
    "quench-begins-here";  // what a login prints of its own stands before it, with or without an end

bool is_word(std::string_view text, std::string_view also) {
  return !text.empty() && text.front() != '-' && std::ranges::all_of(text, [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || also.find(c) != std::string_view::npos;
  });
}

/// Why it is of no use to try again, and what helps; empty where it may be.
std::string hopeless(const std::string& error) {
  const auto says = [&error](const char* part) { return error.find(part) != std::string::npos; };
  if (says("Host key verification failed") || says("HOST IDENTIFICATION HAS CHANGED")) {
    return "its host key is not known here, or another one: connect once by hand, and compare it";
  }
  if (says("Permission denied")) return "it let nobody in: quench enters no password, set up a key (ssh-copy-id)";
  if (says("Could not resolve hostname")) return "no such host";
  if (says("Bad configuration option") || says("Can't open user config file")) return "ssh's configuration is wrong";
  return "";
}

}  // namespace

std::string SshAddress::text() const {
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return "ssh://" + (user.empty() ? "" : user + "@") + name + (port == 0 ? "" : ":" + std::to_string(port));
}

SshAddress parse_ssh_address(std::string_view text) {
  const auto wrong = [text](const char* what) {
    fail(ErrorKind::config, "expected a device as ssh://user@host:port, got '{}': {}", text, what);
  };
  constexpr std::string_view kScheme = "ssh://";
  if (!text.starts_with(kScheme)) wrong("it does not begin with ssh://");
  std::string_view rest = text.substr(kScheme.size());
  SshAddress address;
  if (const size_t at = rest.rfind('@'); at != std::string_view::npos) {
    address.user = rest.substr(0, at);
    if (!is_word(address.user, "._-+")) wrong("this is no user");
    rest.remove_prefix(at + 1);
  }
  std::string_view port;
  if (rest.starts_with('[')) {  // IPv6
    const size_t end = rest.find(']');
    if (end == std::string_view::npos) wrong("a ']' is missing");
    address.host = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    if (!is_word(address.host, ":.%")) wrong("this is no address");
    if (!rest.empty() && rest.front() != ':') wrong("a port begins with ':'");
    port = rest;
  } else {
    const size_t colon = std::min(rest.find(':'), rest.size());
    address.host = rest.substr(0, colon);
    port = rest.substr(colon);
    if (!is_word(address.host, "._-")) wrong("this is no host");
  }
  if (!port.empty()) {
    port.remove_prefix(1);
    const auto [end, code] = std::from_chars(port.data(), port.data() + port.size(), address.port);
    if (code != std::errc() || end != port.data() + port.size() || address.port < 1 || address.port > 65535) {
      wrong("a port is a number from 1 to 65535");
    }
  }
  return address;
}

std::string shell_quote(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

int64_t script_number(std::string_view text) {
  int64_t value = 0;
  const size_t start = std::min(text.find_first_not_of(" \t"), text.size());
  std::from_chars(text.data() + start, text.data() + text.size(), value);
  return value;
}

Ssh::Ssh(SshAddress address, SshOptions options, const LogSink& log, const CancelToken& cancel)
    : address_(std::move(address)), options_(std::move(options)), log_(log), cancel_(cancel) {
  // A socket's path may have about 100 bytes, and ssh adds some.
  std::string name = (std::filesystem::temp_directory_path() / "quench-ssh-XXXXXX").string();
  if (name.size() < 64 && ::mkdtemp(name.data())) folder_ = name;
}

Ssh::~Ssh() {
  if (folder_.empty()) return;
  try {
    if (reached_) run_process(command({"-O", "exit"}), {.timeout_seconds = 10});
  } catch (const std::exception&) {  // it ends by itself
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::vector<std::string> ssh_words(const SshAddress& address, const std::filesystem::path& config, int alive_seconds,
                                   const std::vector<std::string>& more) {
  std::vector<std::string> words{"ssh", "-T", "-x", "-a"};
  if (!config.empty()) words.insert(words.end(), {"-F", config.string()});
  for (const std::string& option : {std::string("BatchMode=yes"), std::string("ConnectTimeout=15"),
                                    fmt::format("ServerAliveInterval={}", alive_seconds),
                                    std::string("ServerAliveCountMax=4"), std::string("ClearAllForwardings=yes")}) {
    words.insert(words.end(), {"-o", option});
  }
  if (address.port != 0) words.insert(words.end(), {"-p", std::to_string(address.port)});
  words.insert(words.end(), more.begin(), more.end());
  words.insert(words.end(), {"--", (address.user.empty() ? "" : address.user + "@") + address.host});
  return words;
}

std::vector<std::string> Ssh::command(std::vector<std::string> more) const {
  if (!folder_.empty()) {
    more.insert(more.begin(), {"-o", "ControlMaster=auto", "-o", "ControlPersist=60", "-o",
                               "ControlPath=" + (folder_ / "socket").string()});
  }
  constexpr int kAliveSeconds = 5;
  return ssh_words(address_, options_.config, kAliveSeconds, more);
}

SshAnswer Ssh::once(const std::string& script, const SshCall& call) {
  std::vector<std::string> words = command({});
  // The login shell, whatever it is, sees one plain command.
  words.push_back("exec /bin/sh -c " + shell_quote(fmt::format("echo; echo {}; {}", kBegin, script)));

  ProcessOptions process;
  process.input = call.input;
  process.most_bytes = kMostBytes;
  if (!call.even_if_cancelled) process.cancel = &cancel_;
  SshAnswer answer;
  process.on_output = [&](std::string_view line) {
    if (!answer.begun) {
      answer.begun = line == kBegin;
      return;
    }
    if (call.on_output) return call.on_output(line);
    answer.output.append(line).append("\n");
  };
  ProcessResult result;
  try {
    result = run_process(words, process);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::io) fail(ErrorKind::io, "{}: {}", address_.text(), error.what());
    throw;
  }
  answer.lost = result.exit_code == kLost;
  answer.exit_code = result.exit_code;
  answer.error = std::move(result.error);
  reached_ = reached_ || answer.begun;
  if (!answer.lost || reached_) return answer;
  if (const std::string reason = hopeless(answer.error); !reason.empty()) {
    fail(ErrorKind::io, "{}: {} ({})", address_.text(), reason, last_line(answer.error));
  }
  fail(ErrorKind::io, "{}: cannot be reached ({})", address_.text(), last_line(answer.error));
}

SshAnswer Ssh::insist(const std::function<SshAnswer()>& work) {
  double wait_seconds = options_.first_wait_seconds;
  int64_t lost_ns = 0;
  for (;;) {
    SshAnswer answer = work();
    if (!answer.lost) return answer;
    const int64_t now = now_ns();
    if (lost_ns == 0 || answer.begun) {
      lost_ns = now;
      wait_seconds = options_.first_wait_seconds;
    }
    const double gone = static_cast<double>(now - lost_ns) / 1e9;
    const std::string why = last_line(answer.error);
    if (gone > options_.reconnect_seconds) {
      fail(ErrorKind::io, "{}: the connection was lost and did not come back within {} ({})", address_.text(),
           duration_text(options_.reconnect_seconds), why);
    }
    log_.warning(fmt::format("{}: connection lost, trying again in {:.0f} s ({})", address_.text(), wait_seconds, why));
    const int64_t until = now + static_cast<int64_t>(wait_seconds * 1e9);
    while (now_ns() < until) {
      cancel_.check();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    wait_seconds = std::min(2 * wait_seconds, kLongestWaitSeconds);
  }
}

SshAnswer Ssh::insist(const std::string& script, const SshCall& call) {
  return insist([&] { return once(script, call); });
}

SshAnswer Ssh::require(SshAnswer answer, const std::string& doing) const {
  if (answer.exit_code == 0) return answer;
  const std::string why = last_line(answer.error);
  fail(ErrorKind::io, "{}: could not {} (exit code {}): {}", address_.text(), doing, answer.exit_code,
       why.empty() ? "it did not say why" : why);
}

}  // namespace quench::remote
