#include "platform/remote.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <random>
#include <span>

#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/process.h"
#include "core/text.h"

namespace quench::platform {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kPieceBytes = int64_t{16} << 20;
constexpr int kNoRoom = 5;  // exit codes of our scripts
constexpr int kNotWhole = 6;
constexpr int kVanished = 9;
constexpr int kMostStarts = 4;
constexpr int kMostStuck = 20;

std::string random_id() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

int64_t number_of(const std::string& text) {
  int64_t value = 0;
  const size_t start = std::min(text.find_first_not_of(" \t"), text.size());
  std::from_chars(text.data() + start, text.data() + text.size(), value);
  return value;
}

}  // namespace

RemoteFile RemoteFile::of_file(std::string what, const fs::path& path) {
  RemoteFile file;
  file.what = std::move(what);
  file.sha256 = sha256_file(path);
  const auto input = std::make_shared<const InputFile>(path);
  file.size = input->size();
  file.read = [input](int64_t offset, int64_t count) {
    std::string bytes(static_cast<size_t>(count), '\0');
    if (!input->read(offset, std::as_writable_bytes(std::span(bytes)))) {
      fail(ErrorKind::io, "[remote] {} became shorter while it was copied", input->path().string());
    }
    return bytes;
  };
  return file;
}

RemoteFile RemoteFile::of_bytes(std::string what, std::string bytes) {
  RemoteFile file;
  file.what = std::move(what);
  file.sha256 = sha256_hex(bytes);
  file.size = static_cast<int64_t>(bytes.size());
  file.read = [bytes = std::move(bytes)](int64_t offset, int64_t count) {
    return bytes.substr(static_cast<size_t>(offset), static_cast<size_t>(count));
  };
  return file;
}

RemoteDevice::RemoteDevice(SshAddress address, SshOptions options, const LogSink& log, const CancelToken& cancel)
    : log_(log), ssh_(std::move(address), std::move(options), log, cancel), id_(random_id()) {
  const SshAnswer answer =
      require(ssh_.insist("umask 077; d=$HOME/.cache/quench-agent; mkdir -p \"$d/jobs\" && cd \"$d\" || exit 1; "
                          "find . -maxdepth 1 -name '*.part-*' -mmin +1440 -exec rm -f {} + 2>/dev/null; "
                          "find jobs -mindepth 1 -maxdepth 1 -mmin +10080 -exec rm -rf {} + 2>/dev/null; "
                          "pwd && uname -m"),
              "make its folder ~/.cache/quench-agent");
  const std::vector<std::string> lines = split_text(answer.output, '\n');
  if (lines.size() < 2 || !lines[0].starts_with('/') || lines[1].empty()) {
    fail(ErrorKind::io, "{}: expected a folder and a machine's name, got '{}'", ssh_.address().text(), answer.output);
  }
  folder_ = lines[0];
  machine_ = lines[1];
}

SshAnswer RemoteDevice::require(SshAnswer answer, const std::string& doing) const {
  if (answer.exit_code == 0) return answer;
  const std::string why = last_line(answer.error);
  fail(ErrorKind::io, "{}: could not {} (exit code {}): {}", ssh_.address().text(), doing, answer.exit_code,
       why.empty() ? "it did not say why" : why);
}

std::string RemoteDevice::put(const RemoteFile& file) {
  const std::string path = folder_ + "/" + file.sha256;
  const std::string at = "cd " + shell_quote(folder_) + " || exit 1; ";
  // A power cut may have left its name without its content.
  const std::string there_whole = fmt::format("[ -f {0} ] && [ $(wc -c <{0}) -eq {1} ]", file.sha256, file.size);
  const SshAnswer there = ssh_.insist(at + there_whole + " && echo there");
  if (last_line(there.output) == "there") return path;
  const std::string piece = file.sha256 + ".part-" + id_;
  for (int tries = 0;; ++tries) {
    send(file, piece);
    const SshAnswer whole = ssh_.insist(
        at + fmt::format("{3} && exit 0; h=$(sha256sum {1}) || exit 1; [ \"${{h%% *}}\" = {0} ] || {{ rm -f {1}; "
                         "exit {2}; }}; chmod 700 {1} && {{ sync {1} 2>/dev/null || sync; }} && mv -f {1} {0}",
                         file.sha256, piece, kNotWhole, there_whole));
    if (whole.exit_code == 0) return path;
    if (whole.exit_code != kNotWhole || tries == 2) require(whole, fmt::format("take {} whole", file.what));
    log_.warning(fmt::format("{}: {} arrived damaged, sent again", ssh_.address().text(), file.what));
  }
}

int64_t RemoteDevice::piece_size(const std::string& piece) {
  const SshAnswer answer = require(ssh_.insist("cd " + shell_quote(folder_) + " || exit 1; if [ -f " + piece +
                                               " ]; then wc -c <" + piece + "; else echo 0; fi"),
                                   "tell a file's size");
  return number_of(last_line(answer.output));
}

void RemoteDevice::send(const RemoteFile& file, const std::string& piece) {
  const std::string megabytes = fmt::format("{:.1f} MB", static_cast<double>(file.size) / 1e6);
  int64_t sent = 0;
  int stuck = 0;
  do {
    log_.show_progress(fmt::format("{}: copying {}, {:.1f} of {}", ssh_.address().text(), file.what,
                                   static_cast<double>(sent) / 1e6, megabytes));
    const std::string bytes = file.read(sent, std::min(kPieceBytes, file.size - sent));
    // What a lost connection cut short, or what comes late, is not added. What cannot be stored leaves nothing.
    const std::string script = fmt::format(
        "umask 077; cd {0} || exit 1; c={1}.$$; if cat >$c; then [ $(wc -c <$c) -eq {2} ] || {{ rm -f $c; exit {4}; "
        "}}; "
        "s=0; [ -f {1} ] && s=$(wc -c <{1}); if [ $s -eq {3} ]; then cat $c >>{1} || s=full; fi; rm -f $c; "
        "[ \"$s\" != full ] && {{ wc -c <{1}; exit 0; }}; else rm -f $c; fi; rm -f {1}; exit {5}",
        shell_quote(folder_), piece, bytes.size(), sent, kNotWhole, kNoRoom);
    SshCall call;
    call.input = bytes;
    const SshAnswer answer = ssh_.once(script, call);
    if (answer.exit_code == kNoRoom) {
      const std::vector<std::string> said = split_text(answer.error, '\n');
      fail(ErrorKind::io, "{}: {} ({}) could not be stored in {}: {}. Nothing of it is left; older copies lie there",
           ssh_.address().text(), file.what, megabytes, folder_, said.empty() ? "no room" : said.front());
    }
    if (!answer.lost && answer.exit_code != kNotWhole) require(answer, fmt::format("take {}", file.what));
    const int64_t before = sent;
    sent = answer.lost || answer.exit_code != 0 ? piece_size(piece) : number_of(last_line(answer.output));
    stuck = sent > before || sent == file.size ? 0 : stuck + 1;
    if (stuck > kMostStuck) {
      fail(ErrorKind::io, "{}: of the {} ({}) nothing more than {} bytes arrives", ssh_.address().text(), file.what,
           megabytes, sent);
    }
  } while (sent < file.size);
}

void RemoteDevice::start(const std::string& job, const std::string& script) {
  SshCall call;
  call.input = script;
  require(
      ssh_.insist(fmt::format("umask 077; mkdir -p {0} && cat >{0}/job.part && [ $(wc -c <{0}/job.part) -eq {1} ] && "
                              "mv {0}/job.part {0}/job.sh || exit 1; [ -d {0}/running ] && exit 0; "
                              "s=$(command -v setsid || echo nohup); $s sh {0}/job.sh </dev/null >/dev/null 2>&1 & "
                              "exit 0",
                              shell_quote(job), script.size()),
                  call),
      "start the job");
}

int RemoteDevice::follow(const std::string& job, int64_t& lines, const std::function<void(std::string_view)>& on_line) {
  const std::string id = job.substr(job.rfind('/') + 1);
  const SshAnswer answer = ssh_.insist([&] {
    // Only whole lines are printed; the job is taken for gone where its process is, or is another one.
    const std::string script = fmt::format(
        "cd {0} || exit 1; n={1}; w=0; while :; do x=$(ls -d exit-* 2>/dev/null); t=0; [ -f progress ] && "
        "t=$(wc -l <progress); if [ $t -gt $n ]; then sed -n \"$((n+1)),${{t}}p\" progress; n=$t; fi; "
        "[ -n \"$x\" ] && exit 0; p=$(cat pid 2>/dev/null); if grep -q {2} \"/proc/${{p:-none}}/cmdline\" 2>/dev/null; "
        "then w=0; else w=$((w+1)); [ $w -gt 5 ] && exit {3}; fi; sleep 1; done",
        shell_quote(job), lines, id, kVanished);
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

RemoteEnd RemoteDevice::collect(const std::string& job) {
  const SshAnswer answer =
      require(ssh_.insist("cd " + shell_quote(job) + " && x=$(ls -d exit-*) && echo \"$x\" && cat records"),
              "bring the answer");
  const size_t end = answer.output.find('\n');
  const size_t dash = answer.output.find('-');
  if (!answer.output.starts_with("exit-") || end == std::string::npos) {
    fail(ErrorKind::io, "{}: expected the job's exit code, got '{}'", ssh_.address().text(),
         answer.output.substr(0, std::min<size_t>(end, 100)));
  }
  return {static_cast<int>(number_of(answer.output.substr(dash + 1, end - dash - 1))), answer.output.substr(end + 1)};
}

/// Ends what is left of a job and removes its folder. The signal goes to the job's whole group, where the process is
/// still the one that was started.
std::string RemoteDevice::removal_of(const std::string& job) const {
  return fmt::format(
      "cd {0} || exit 0; p=$(cat pid 2>/dev/null); alive() {{ grep -q {1} \"/proc/${{p:-none}}/cmdline\" 2>/dev/null; "
      "}}; if alive; then kill -TERM -- -$p || kill -TERM $p; for i in 1 2 3 4 5; do alive || break; sleep 1; done; "
      "alive "
      "&& kill -KILL -- -$p; fi; cd / && rm -rf {0}",
      shell_quote(job), job.substr(job.rfind('/') + 1));
}

void RemoteDevice::abandon(const std::string& job) noexcept {
  std::string why;
  try {
    SshCall call;
    call.even_if_cancelled = true;
    const SshAnswer answer = ssh_.once(removal_of(job), call);
    if (!answer.lost && answer.exit_code == 0) return;
    why = last_line(answer.error);
  } catch (const std::exception& error) {
    why = error.what();
  }
  log_.warning(fmt::format("{}: {} was left behind ({})", ssh_.address().text(), job, why));
}

RemoteEnd RemoteDevice::run(const std::function<std::vector<std::string>(const std::string&)>& arguments,
                            const std::function<void(std::string_view)>& on_line) {
  const std::string job = fmt::format("{}/jobs/{}-{}", folder_, id_, ++jobs_);
  std::string command;
  for (const std::string& word : arguments(job)) command += (command.empty() ? "" : " ") + shell_quote(word);
  // The exit code stands in a file's name: that takes no room even where there is none. `running` keeps a second start
  // of the script, after a lost connection, from doing anything.
  const std::string script = fmt::format(
      "cd {0} || exit 1\nmkdir running || exit 0\necho $$ >pid.part && mv pid.part pid\n{1} >records 2>>progress "
      "</dev/null\n: >exit-$?\n",
      shell_quote(job), command);
  try {
    int64_t lines = 0;
    for (int starts = 1;; ++starts) {
      start(job, script);
      const int end = follow(job, lines, on_line);
      if (end == 0) break;
      if (end != kVanished || starts == kMostStarts) {
        fail(ErrorKind::io, "{}: the job is gone, without a word (its machine was restarted, or somebody ended it)",
             ssh_.address().text());
      }
      log_.warning(fmt::format("{}: the job is gone, starting it again", ssh_.address().text()));
      require(ssh_.insist("cd " + shell_quote(job) + " && rm -rf running pid"), "tidy up the job");
    }
    RemoteEnd end = collect(job);
    require(ssh_.insist(removal_of(job)), "remove the job");
    return end;
  } catch (...) {
    abandon(job);
    throw;
  }
}

}  // namespace quench::platform
