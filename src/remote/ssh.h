#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/cancel.h"
#include "core/log.h"

namespace quench::remote {

/// Where a device is: "ssh://user@host:port"; user and port may be left to ssh's configuration, and the host may be one
/// of its names.
struct SshAddress {
  std::string user;  ///< empty: ssh's choice
  std::string host;
  int port = 0;  ///< 0: ssh's choice
  std::string text() const;
  bool operator==(const SshAddress&) const = default;
};

/// Throws Error{config} for anything else than an ssh:// address, and for parts that ssh or a shell could read as
/// something else (a host that begins with '-', spaces, quotes).
SshAddress parse_ssh_address(std::string_view text);

/// Text as one word of a POSIX shell.
std::string shell_quote(std::string_view text);

/// The system's `ssh` to that host, in batch mode and with nothing forwarded, without what is to run there. config: file
/// of ssh's settings; empty: ssh's own. alive_seconds: between two signs of life, of which four may be missing. more:
/// options of ssh.
std::vector<std::string> ssh_words(const SshAddress& address, const std::filesystem::path& config, int alive_seconds,
                                   const std::vector<std::string>& more = {});

struct SshOptions {
  std::filesystem::path config;    ///< file of ssh's settings; empty: ssh's own
  double reconnect_seconds = 600;  ///< how long a lost connection is sought again before giving up
  double first_wait_seconds = 1;   ///< before the second try; doubles with each, to 30 s at most
};

/// The number that a script printed, behind blanks; 0 where there is none.
int64_t script_number(std::string_view text);

/// What goes into a script, and who hears what comes out.
struct SshCall {
  std::string_view input = {};  ///< the script's standard input
  std::function<void(std::string_view)> on_output =
      {};                          ///< each line of its standard output, which the answer then lacks
  bool even_if_cancelled = false;  ///< for tidying up
};

/// What a script gave.
struct SshAnswer {
  bool lost = false;   ///< the connection failed, before or while it ran
  bool begun = false;  ///< the script began: the device was reached
  int exit_code = 0;   ///< the script's, where not lost
  std::string output;  ///< lines, each with its end; what the login itself prints is left out
  std::string error;
};

/// One device by the system's `ssh`, in batch mode: it never asks, neither for a password nor for a host key. Its calls
/// share one connection, which ends with this object.
class Ssh {
 public:
  /// log and cancel must outlive this.
  Ssh(SshAddress address, SshOptions options, const LogSink& log, const CancelToken& cancel);
  ~Ssh();
  Ssh(const Ssh&) = delete;
  Ssh& operator=(const Ssh&) = delete;

  /// Runs a script by the far side's /bin/sh, once. Throws Error{io} where trying again is of no use (no login, another
  /// host key, unknown host, any first connection that fails) and where there is no ssh here, Error{cancelled}. Once
  /// the device was reached, every failure of the connection is an answer that is `lost`. An answer of more than 256
  /// MiB, or with a line of more than 1 MiB, is Error{io} too.
  SshAnswer once(const std::string& script, const SshCall& call = {});

  /// Does `work` again and again, with growing pauses, as long as its answer is `lost`; `work` may change what it asks
  /// for from time to time. A script that began, though it was cut, begins the count anew: the device was
  /// there. Throws Error{io} where it is away for longer than reconnect_seconds.
  SshAnswer insist(const std::function<SshAnswer()>& work);
  /// insist() on a script that may run twice.
  SshAnswer insist(const std::string& script, const SshCall& call = {});

  /// The answer, where the script's exit code is 0; else throws Error{io}: "could not DOING".
  SshAnswer require(SshAnswer answer, const std::string& doing) const;

  const SshAddress& address() const { return address_; }

 private:
  /// `ssh`, its options, and the host.
  std::vector<std::string> command(std::vector<std::string> more) const;

  SshAddress address_;
  SshOptions options_;
  const LogSink& log_;
  const CancelToken& cancel_;
  std::filesystem::path folder_;  ///< of the shared connection's socket; empty: each call connects
  bool reached_ = false;
};

}  // namespace quench::remote
