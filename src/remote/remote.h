#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "remote/remote_job.h"

namespace quench::remote {

/// A file for the far side: its size, its content piece by piece, its hash.
struct RemoteFile {
  std::string what;    ///< its name here, for messages: "agent", "int8.onnx"
  std::string sha256;  ///< of all of it; its name there
  int64_t size = 0;
  std::function<std::string(int64_t offset, int64_t count)> read;

  static RemoteFile of_file(std::string what, const std::filesystem::path& path);  ///< Throws Error{io}.
  static RemoteFile of_bytes(std::string what, std::string bytes);
};

/// A device by ssh that programs are copied to and run on, detached: they go on where the connection is lost, and are
/// found again. What is needed there: a POSIX shell, coreutils (sha256sum), find, /proc.
///
/// All lies in ~/.cache/quench-agent there: files by their hash, copied once; a folder for each running job, removed at
/// its end. What earlier runs left behind (pieces of a day, jobs of a week that do not run) is removed at the first
/// contact.
class RemoteDevice {
 public:
  /// First contact. Throws Error{io} where the device cannot be reached or has no room.
  /// log and cancel must outlive this.
  RemoteDevice(SshAddress address, SshOptions options, const LogSink& log, const CancelToken& cancel);

  /// Its processor as `uname -m` says: "aarch64".
  const std::string& machine() const { return machine_; }
  const SshAddress& address() const { return ssh_.address(); }

  /// Copies a file, unless one with its hash and size lies there; returns its path there. A copy that breaks off goes
  /// on where it stopped. Throws Error{io} where it cannot be stored (the piece is removed), or does not arrive whole.
  std::string put(const RemoteFile& file);

  /// Runs a program there to its end. arguments: the program's path there and its arguments, made from the path of the
  /// job's own folder; the same words are the same job, which RemoteJob::run() finds again. on_line, brings and what is
  /// thrown: as there.
  RemoteEnd run(const std::function<std::vector<std::string>(const std::string& job_folder)>& arguments,
                const std::function<void(std::string_view)>& on_line, const std::string& brings = "");

 private:
  void send(const RemoteFile& file, const std::string& piece_name);
  int64_t piece_size(const std::string& piece_name);

  const LogSink& log_;
  Ssh ssh_;
  std::string folder_;  ///< there, absolute
  std::string machine_;
  std::string id_;  ///< of this object, random
};

}  // namespace quench::remote
