#include "remote/remote.h"

#include <algorithm>
#include <cctype>
#include <memory>
#include <span>

#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/process.h"
#include "core/random_id.h"
#include "core/text.h"

namespace quench::remote {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kPieceBytes = int64_t{16} << 20;
constexpr int kNoRoom = 5;  // exit codes of our scripts
constexpr int kNotWhole = 6;
constexpr int kMostStuck = 20;
constexpr size_t kMostAnswerTold = 200;  // characters of a strange answer in a message

/// What `uname -m` may say; it becomes a part of a file's name here.
bool is_machine(const std::string& text) {
  return !text.empty() && text.size() <= 64 &&
         std::ranges::all_of(text, [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-' || c == '.'; });
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
      ssh_.require(ssh_.insist("umask 077; d=$HOME/.cache/quench-agent; mkdir -p \"$d/jobs\" && cd \"$d\" || exit 1; "
                               "find . -maxdepth 1 -name '*.part-*' -mmin +1440 -exec rm -f {} + 2>/dev/null; "
                               "for j in $(find jobs -mindepth 1 -maxdepth 1 -mmin +10080 2>/dev/null); do "
                               "ls -ld /proc/[0-9]*/cwd 2>/dev/null | grep -qF \"/$j/running\" || rm -rf \"$j\"; done; "
                               "pwd -P && uname -m"),
                   "make its folder ~/.cache/quench-agent");
  const std::vector<std::string> lines = split_text(answer.output, '\n');
  if (lines.size() < 2 || !lines[0].starts_with('/') || !is_machine(lines[1])) {
    fail(ErrorKind::io, "{}: expected a folder and a machine's name, got '{}'", ssh_.address().text(),
         answer.output.substr(0, kMostAnswerTold));
  }
  folder_ = lines[0];
  machine_ = lines[1];
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
        at + fmt::format(
                 "{3} && {{ rm -f {1} {1}.*; exit 0; }}; h=$(sha256sum {1}) || exit 1; [ \"${{h%% *}}\" = {0} ] || {{ "
                 "rm -f {1}; "
                 "exit {2}; }}; chmod 700 {1} && {{ sync {1} 2>/dev/null || sync; }} && mv -f {1} {0} && rm -f {1}.*",
                 file.sha256, piece, kNotWhole, there_whole));
    if (whole.exit_code == 0) return path;
    if (whole.exit_code != kNotWhole || tries == 2) ssh_.require(whole, fmt::format("take {} whole", file.what));
    log_.warning(fmt::format("{}: {} arrived damaged, sent again", ssh_.address().text(), file.what));
  }
}

int64_t RemoteDevice::piece_size(const std::string& piece) {
  const SshAnswer answer = ssh_.require(ssh_.insist("cd " + shell_quote(folder_) + " || exit 1; if [ -f " + piece +
                                                    " ]; then wc -c <" + piece + "; else echo 0; fi"),
                                        "tell a file's size");
  return script_number(last_line(answer.output));
}

void RemoteDevice::send(const RemoteFile& file, const std::string& piece) {
  const std::string megabytes = fmt::format("{:.1f} MB", static_cast<double>(file.size) / 1e6);
  int64_t sent = 0, most = 0;
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
        "[ \"$s\" != full ] && {{ wc -c <{1}; exit 0; }}; else rm -f $c; fi; rm -f {1} {1}.*; exit {5}",
        shell_quote(folder_), piece, bytes.size(), sent, kNotWhole, kNoRoom);
    SshCall call;
    call.input = bytes;
    const SshAnswer answer = ssh_.once(script, call);
    if (answer.exit_code == kNoRoom) {
      const std::vector<std::string> said = split_text(answer.error, '\n');
      fail(ErrorKind::io, "{}: {} ({}) could not be stored in {}: {}. Nothing of it is left; older copies lie there",
           ssh_.address().text(), file.what, megabytes, folder_, said.empty() ? "no room" : said.front());
    }
    if (!answer.lost && answer.exit_code != kNotWhole) ssh_.require(answer, fmt::format("take {}", file.what));
    sent = answer.lost || answer.exit_code != 0 ? piece_size(piece) : script_number(last_line(answer.output));
    if (sent < 0 || sent > file.size) {
      fail(ErrorKind::io, "{}: expected at most {} bytes of {} there, got {}", ssh_.address().text(), file.size,
           file.what, sent);
    }
    stuck = sent > most || sent == file.size ? 0 : stuck + 1;
    most = std::max(most, sent);
    if (stuck > kMostStuck) {
      fail(ErrorKind::io, "{}: of {} ({}) nothing more than {} bytes arrives", ssh_.address().text(), file.what,
           megabytes, sent);
    }
  } while (sent < file.size);
}

RemoteEnd RemoteDevice::run(const std::function<std::vector<std::string>(const std::string&)>& arguments,
                            const std::function<void(std::string_view)>& on_line, const std::string& brings) {
  // All that it does is in its words: files by their hash.
  std::string words;
  for (const std::string& word : arguments("")) words += word + '\0';
  const std::string jobs = folder_ + "/jobs", name = sha256_hex(words).substr(0, 32);
  return RemoteJob(ssh_, log_, jobs, name, id_, arguments(jobs + "/" + name)).run(on_line, brings);
}

}  // namespace quench::remote
