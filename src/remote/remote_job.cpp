#include "remote/remote_job.h"

#include <algorithm>
#include <map>

#include "core/clock.h"
#include "core/error.h"
#include "core/process.h"
#include "core/text.h"

namespace quench::remote {
namespace {

constexpr int kVanished = 9;  // exit codes of our scripts
constexpr int kTaken = 10;
constexpr int kRemoved = 11;
constexpr int kMostStarts = 4;

}  // namespace

RemoteJob::RemoteJob(Ssh& ssh, const LogSink& log, std::string folder, std::string name, std::string owner,
                     const std::vector<std::string>& command)
    : ssh_(ssh), log_(log), jobs_(std::move(folder)), name_(std::move(name)), owner_(std::move(owner)) {
  folder_ = shell_quote(jobs_ + "/" + name_);
  std::string words;
  for (const std::string& word : command) words += (words.empty() ? "" : " ") + shell_quote(word);
  // The exit code stands in a file's name: that takes no room even where there is none. `running` keeps a second start
  // of the script, after a lost connection, from doing anything.
  script_ = fmt::format(
      "cd {} || exit 1\nmkdir running || exit 0\ncd running || exit 1\necho $$ >../pid.part && mv ../pid.part ../pid\n"
      "{} >../records 2>>../progress </dev/null\n: >../exit-$?\n",
      folder_, words);
}

/// Of the job's folder: `mine` is whether we own it, which leaves its owner in $o; `left` prints the processes of the
/// job, those of a removed folder too; `alive` is whether there are some of this one. A process that a signal does not
/// reach through its group (no setsid there), or that outlives its parent, is found all the same.
std::string RemoteJob::functions() const {
  return fmt::format(
      "mine() {{ o=; {{ read -r o <owner; }} 2>/dev/null; [ \"$o\" = {0} ]; }}; "
      "left() {{ ls -ld /proc/[0-9]*/cwd 2>/dev/null | sed -n 's|.*/proc/\\([0-9]*\\)/cwd -> .*/{1}/running.*|\\1|p'; "
      "}}; "
      "alive() {{ ls -ld /proc/[0-9]*/cwd 2>/dev/null | grep -q '/{1}/running$'; }}; ",
      owner_, name_);
}

void RemoteJob::start() {
  // What another run left: it is followed while it is alive, its answer is taken where it ended well. It goes on from
  // its state where it vanished, and begins anew where it failed. One that begins just now has no process yet.
  const std::string take = fmt::format(
      "if ! mine; then [ ! -d running ] || alive || ls exit-* >/dev/null 2>&1 || sleep 1; "
      "if alive; then echo found; "
      "elif [ -f exit-0 ]; then echo \"finished $(($(date +%s) - $(stat -c %Y exit-0)))\"; "
      "elif ls exit-* >/dev/null 2>&1; then echo failed; find . -mindepth 1 -maxdepth 1 ! -name job.{0} -exec rm -rf "
      "{{}} +; "
      "elif [ -d running ]; then echo cut; rm -rf running pid; fi; "
      "echo {0} >owner.{0} && mv owner.{0} owner || exit 1; fi; ",
      owner_);
  const std::string others = fmt::format(
      "ls -ld /proc/[0-9]*/cwd 2>/dev/null | grep -F {} | grep -v '/{}/running' | "
      "sed -n 's|.*/proc/\\([0-9]*\\)/cwd -> .*/\\([^/]*\\)/running.*|other \\2 \\1|p'; ",
      shell_quote(" -> " + jobs_ + "/"), name_);
  SshCall call;
  call.input = script_;
  const SshAnswer answer = ssh_.require(
      ssh_.insist(fmt::format("umask 077; mkdir -p {0} && cd {0} || exit 1; {1}cat >job.{2} && [ $(wc -c <job.{2}) -eq "
                              "{3} ] || exit 1; {4}{5}mv job.{2} job.sh || exit 1; [ -d running ] && exit 0; "
                              "s=$(command -v setsid || echo nohup); $s sh {0}/job.sh </dev/null >/dev/null 2>&1 & "
                              "exit 0",
                              folder_, functions(), owner_, script_.size(), take, others),
                  call),
      "start the job");
  tell(answer.output);
}

void RemoteJob::tell(const std::string& started) const {
  const std::string where = ssh_.address().text();
  std::map<std::string, std::string> others;  // processes by job
  for (const std::string& line : split_text(started, '\n')) {
    const std::vector<std::string> words = split_text(line, ' ');
    if (line == "found") {
      log_.warning(fmt::format("{}: this very job runs there already, left by an earlier run: followed", where));
    } else if (line == "failed") {
      log_.warning(fmt::format("{}: this very job failed there, for an earlier run: done again", where));
    } else if (line == "cut") {
      log_.warning(fmt::format("{}: this very job was cut there, for an earlier run: goes on", where));
    } else if (words.size() == 2 && words[0] == "finished") {
      log_.warning(fmt::format("{}: this very job ended there {} ago, for an earlier run: its answer is taken", where,
                               duration_text(static_cast<double>(std::max<int64_t>(script_number(words[1]), 0)))));
    } else if (words.size() == 3 && words[0] == "other") {
      others[words[1]] += " " + words[2];
    }
  }
  for (const auto& [job, processes] : others) {
    log_.warning(
        fmt::format("{}: another job runs on the device: its latency will suffer (job {}, left by an earlier run or of "
                    "one that is at work; its processes there:{})",
                    where, job, processes));
  }
}

int RemoteJob::follow(int64_t& lines, const std::function<void(std::string_view)>& on_line) {
  const SshAnswer answer = ssh_.insist([&] {
    // Only whole lines are printed. job.sh is known by its process, which costs less than a look at all of them.
    const std::string script = fmt::format(
        "cd {0} 2>/dev/null || exit {5}; {1}n={2}; w=0; while :; do mine || exit $([ -n \"$o\" ] && echo {4} || echo "
        "{5}); x=$(ls -d exit-* 2>/dev/null); t=0; [ -f progress ] && t=$(wc -l <progress); if [ $t -gt $n ]; then "
        "sed -n \"$((n+1)),${{t}}p\" progress; n=$t; fi; [ -n \"$x\" ] && exit 0; p=; {{ read -r p <pid; }} "
        "2>/dev/null; if grep -q {6} \"/proc/${{p:-none}}/cmdline\" 2>/dev/null || alive; then w=0; else w=$((w+1)); "
        "[ $w -gt 5 ] && exit {3}; fi; sleep 1; done",
        folder_, functions(), lines, kVanished, kTaken, kRemoved, name_);
    std::vector<std::string> heard;
    SshCall call;
    call.on_output = [&](std::string_view line) {
      // A line is passed on once the next one has come, because the last may be cut by a lost connection.
      if (!heard.empty()) on_line(heard.back());
      heard.assign(1, std::string(line));
      ++lines;
    };
    SshAnswer part = ssh_.once(script, call);
    if (!heard.empty()) {
      if (part.lost) {
        --lines;
      } else {
        on_line(heard.back());
      }
    }
    return part;
  });
  return answer.exit_code;
}

RemoteEnd RemoteJob::collect(const std::string& brings) {
  const SshAnswer answer = ssh_.require(
      ssh_.insist("cd " + folder_ + " && x=$(ls -d exit-*) && echo \"$x\" && cat records"), "bring the answer");
  const size_t end = answer.output.find('\n');
  const size_t dash = answer.output.find('-');
  if (!answer.output.starts_with("exit-") || end == std::string::npos) {
    fail(ErrorKind::io, "{}: expected the job's exit code, got '{}'", ssh_.address().text(),
         answer.output.substr(0, std::min<size_t>(end, 100)));
  }
  RemoteEnd out{static_cast<int>(script_number(answer.output.substr(dash + 1, end - dash - 1))),
                answer.output.substr(end + 1),
                {}};
  if (brings.empty()) return out;
  const std::string name = shell_quote(brings);
  const SshAnswer brought = ssh_.require(
      ssh_.insist(fmt::format("cd {0} && {{ [ -f {1} ] || exit 0; echo there; cat {1}; }}", folder_, name)),
      "bring " + brings);
  if (brought.output.starts_with("there\n")) out.file = brought.output.substr(6);
  return out;
}

/// Ends what is left of the job and removes its folder, unless another run owns it by now.
std::string RemoteJob::removal() const {
  return fmt::format(
      "cd {0} 2>/dev/null || exit 0; {1}mine || [ -z \"$o\" ] || exit 0; p=$(left); if [ -n \"$p\" ]; then "
      "kill -TERM $p 2>/dev/null; for i in 1 2 3 4 5; do [ -z \"$(left)\" ] && break; sleep 1; done; "
      "for i in 1 2 3; do p=$(left); [ -z \"$p\" ] && break; kill -KILL $p 2>/dev/null; done; fi; cd / && rm -rf {0}",
      folder_, functions());
}

void RemoteJob::abandon() noexcept {
  std::string why;
  try {
    SshCall call;
    call.even_if_cancelled = true;
    const SshAnswer answer = ssh_.once(removal(), call);
    if (!answer.lost && answer.exit_code == 0) return;
    why = last_line(answer.error);
  } catch (const std::exception& error) {
    why = error.what();
  }
  log_.warning(fmt::format("{}: {}/{} was left behind ({}); the next run that asks for the same takes it up",
                           ssh_.address().text(), jobs_, name_, why));
}

RemoteEnd RemoteJob::run(const std::function<void(std::string_view)>& on_line, const std::string& brings) {
  try {
    int64_t lines = 0;
    for (int starts = 1;; ++starts) {
      start();
      const int end = follow(lines, on_line);
      if (end == 0) break;
      if (end == kTaken) {
        fail(ErrorKind::io, "{}: another run of quench asked for this very job, and took it over",
             ssh_.address().text());
      }
      if ((end != kVanished && end != kRemoved) || starts == kMostStarts) {
        fail(ErrorKind::io, "{}: the job is gone, without a word (its machine was restarted, or somebody ended it)",
             ssh_.address().text());
      }
      log_.warning(fmt::format("{}: the job is gone, starting it again", ssh_.address().text()));
      if (end == kRemoved) {
        lines = 0;
      } else {
        ssh_.require(ssh_.insist("cd " + folder_ + " 2>/dev/null || exit 0; " + functions() +
                                 "mine || exit 0; rm -rf running pid"),
                     "tidy up the job");
      }
    }
    RemoteEnd end = collect(brings);
    ssh_.require(ssh_.insist(removal()), "remove the job");
    return end;
  } catch (...) {
    abandon();
    throw;
  }
}

}  // namespace quench::remote
