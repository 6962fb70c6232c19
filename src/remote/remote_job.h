#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "remote/ssh.h"

namespace quench::remote {

/// How a program on the far side ended.
struct RemoteEnd {
  int exit_code = 0;
  std::string output;
  std::optional<std::string> file;  ///< the content of the file that was to be brought; none where it made none
};

/// A program that runs on a device detached: it goes on where the connection is lost, and is found again. Its folder
/// bears the name of what it does, so that it is found too by a later run that wants the same, where the one that
/// started it died; who asks last owns it.
///
/// The folder: job.sh, owner, pid (of job.sh), progress (standard error), records (standard output), exit-CODE at the
/// end; and running/, the working folder of the program, by which its processes are known.
class RemoteJob {
 public:
  /// folder: of jobs there, absolute, without links. name: letters and digits. owner: likewise, of who asks. command:
  /// the words to run. ssh and log must outlive this.
  RemoteJob(Ssh& ssh, const LogSink& log, std::string folder, std::string name, std::string owner,
            const std::vector<std::string>& command);

  /// brings: name of a file in the folder that the program may have made there, to be brought with its answer; empty:
  /// none.
  ///
  /// Runs the program to its end, or goes on with what an earlier run left of it; takes the answer of one that has
  /// ended well meanwhile. on_line: called with each line of its standard error, once, as it comes. Where it vanished
  /// with its machine (a reboot) it is started again, three times at most, in the same folder. Whatever happens,
  /// nothing of it stays there, as far as the device can be reached. Warns where another job runs there. Throws
  /// Error{io}, also where another run asks for the same meanwhile, which then owns it; Error{cancelled}.
  RemoteEnd run(const std::function<void(std::string_view)>& on_line, const std::string& brings = "");

 private:
  void start();
  void tell(const std::string& started) const;
  int follow(int64_t& lines, const std::function<void(std::string_view)>& on_line);
  RemoteEnd collect(const std::string& brings);
  std::string functions() const;
  std::string removal() const;
  void abandon() noexcept;

  Ssh& ssh_;
  const LogSink& log_;
  std::string jobs_;    ///< folder of all jobs
  std::string name_;    ///< of this one's in it
  std::string folder_;  ///< both, as a word of the shell
  std::string owner_;
  std::string script_;
};

}  // namespace quench::remote
