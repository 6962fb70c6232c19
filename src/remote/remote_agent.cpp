#include "remote/remote_agent.h"

#include <algorithm>
#include <array>
#include <map>

#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/printable.h"
#include "core/text.h"

namespace quench::remote {
namespace {

namespace fs = std::filesystem;

constexpr int kCellFailed = 1;  // the agent's exit codes
constexpr int kInterrupted = 130;
constexpr size_t kMostTold = 2000;                   // characters of a message
constexpr double kMostCounted = 1e15;                // images or seconds of progress
constexpr const char* kPredictions = "predictions";  // in the job's folder

/// What a phase of the agent counts.
const char* things_of(const std::string& phase) {
  return phase == "bench" ? "models" : phase == "layers" ? "layers" : "images";
}

std::string flag_of(std::string key) {
  std::ranges::replace(key, '_', '-');
  return "--" + key;
}

/// Settings as the agent's flags.
void add_flags(std::vector<std::string>& words, const Json& settings) {
  for (const auto& [key, value] : settings.items()) {
    if (value.is_null()) continue;
    if (value.is_boolean()) {
      words.push_back(value.get<bool>() ? flag_of(key) : "--no-" + flag_of(key).substr(2));
      continue;
    }
    words.push_back(flag_of(key));
    words.push_back(value.is_string() ? value.get<std::string>() : value.dump());
  }
}

/// Not `cancelled`: only the user here can ask this program to stop.
ErrorKind kind_from(const std::string& name) {
  for (const ErrorKind kind : {ErrorKind::config, ErrorKind::data, ErrorKind::io, ErrorKind::unsupported,
                               ErrorKind::backend, ErrorKind::internal}) {
    if (name == to_string(kind)) return kind;
  }
  return ErrorKind::backend;
}

/// Follows the agent's `--progress json`.
class Listener {
 public:
  /// names: what files are called here, by their paths there.
  Listener(std::string device, std::map<std::string, std::string> names, const LogSink& log)
      : device_(std::move(device)), names_(std::move(names)), log_(log) {}

  void hear(std::string_view line) {
    const Json event = try_parse_json(line).value_or(Json());
    if (!event.is_object() || !event.contains("event")) {
      if (line.find_first_not_of(" \t\r") != std::string_view::npos) last_words_ = shown(line);
      return;
    }
    const std::string name = text(event, "event");
    if (name == "progress") {
      show(event);
    } else if (name == "warning") {
      log_.warning(fmt::format("{}: {}", device_, text(event, "text")));
    } else if (name == "error") {
      error_ = text(event, "text");
      kind_ = kind_from(text(event, "kind"));
    } else {
      log_.info(fmt::format("{}: {}", device_, text(event, "text")));
    }
  }

  /// What went wrong, for an exit code that is no answer.
  [[noreturn]] void fail_by(int exit_code) const {
    if (exit_code == kInterrupted) fail(ErrorKind::backend, "{}: quench-agent was interrupted there", device_);
    if (!error_.empty()) fail(kind_, "{}: {}", device_, error_);
    fail(ErrorKind::backend, "{}: quench-agent ended with exit code {}{}: {}", device_, exit_code,
         exit_code == 137 ? " (killed: out of memory?)" : "", last_words_.empty() ? "no word" : last_words_);
  }

 private:
  /// What the device says, on one line and not without end.
  static std::string shown(std::string_view text) {
    return printable_line(text.substr(0, kMostTold)) + (text.size() > kMostTold ? "..." : "");
  }
  std::string text(const Json& event, const char* key) const {
    const auto found = event.find(key);
    std::string out = found != event.end() && found->is_string() ? found->get<std::string>() : "";
    for (const auto& [there, here] : names_) {
      for (size_t at = out.find(there); at != std::string::npos; at = out.find(there, at + here.size())) {
        out.replace(at, there.size(), here);
      }
    }
    return shown(out);
  }
  void show(const Json& event) {
    const auto number = [&event](const char* key) {
      const auto found = event.find(key);
      return found != event.end() && found->is_number() ? std::clamp(found->get<double>(), 0.0, kMostCounted) : 0.0;
    };
    const auto done = static_cast<int64_t>(number("done")), total = static_cast<int64_t>(number("total"));
    const std::string phase = text(event, "phase");
    log_.show_progress(
        fmt::format("{}: {} {} of {}, {}", device_, phase, done, total, duration_text(number("seconds"))));
    log_.show_step({phase, done, total, number("seconds"), things_of(phase)});
  }

  std::string device_;
  std::map<std::string, std::string> names_;
  const LogSink& log_;
  std::string error_;
  ErrorKind kind_ = ErrorKind::backend;
  std::string last_words_;
};

std::vector<Json> lines_of(const std::string& output, const std::string& where) {
  std::vector<Json> lines;
  for (const std::string& line : split_text(output, '\n')) {
    if (line.empty()) continue;
    lines.push_back(parse_json(line, where));
    if (!lines.back().is_object()) fail(ErrorKind::data, "{}: expected a JSON object a line", where);
  }
  return lines;
}

std::vector<record::Record> records_of(const std::string& output, const std::string& where) {
  std::vector<record::Record> records;
  for (const std::string& line : split_text(output, '\n')) {
    if (!line.empty()) records.push_back(record::from_json(parse_json(line, where), where));
  }
  return records;
}

score::Evaluation predictions_of(const std::string& text, const record::Record& record, const std::string& where) {
  score::Evaluation predictions = score::evaluation_from(parse_json(text, where), where);
  if (predictions.samples != record.samples) {
    fail(ErrorKind::data, "{}: expected predictions of the record's {} images, got {}", where,
         record.samples.value_or(0), predictions.samples);
  }
  return predictions;
}

}  // namespace

std::string program_machine(const fs::path& file) {
  std::array<std::byte, 20> head{};
  if (!InputFile(file).read(0, head)) return "";
  const auto at = [&head](size_t i) { return std::to_integer<int>(head[i]); };
  if (at(0) != 0x7f || at(1) != 'E' || at(2) != 'L' || at(3) != 'F' || at(5) != 1) return "";  // little-endian
  static const std::map<int, std::string> names{
      {0x03, "i686"}, {0x28, "armv7l"}, {0x3e, "x86_64"}, {0xb7, "aarch64"}, {0xf3, "riscv64"}};
  const auto found = names.find(at(18) + 256 * at(19));
  return found == names.end() ? "" : found->second;
}

fs::path find_agent(const std::string& machine, const fs::path& program_folder) {
  for (const fs::path& folder : {program_folder, program_folder / "..", program_folder / "../lib/quench"}) {
    for (const std::string& name : {"quench-agent-" + machine, "agent-" + machine + "/quench-agent",
                                    std::string("agent/quench-agent"), std::string("quench-agent")}) {
      const fs::path file = folder / name;
      std::error_code code;
      if (fs::is_regular_file(file, code) && program_machine(file) == machine) return file;
    }
  }
  fail(ErrorKind::config, "no quench-agent for {}: `make agent` builds one, --agent FILE names one", machine);
}

RemoteAgent::RemoteAgent(const AgentPlace& place, const LogSink& log, const CancelToken& cancel)
    : log_(log), device_(parse_ssh_address(place.address), place.ssh, log, cancel) {
  name_ = place.name.empty() ? device_.address().host : place.name;
  const fs::path file = place.agent.empty() ? find_agent(device_.machine(), place.program_folder) : place.agent;
  agent_ = RemoteFile::of_file("quench-agent", file);
  const std::string machine = program_machine(file);
  if (!machine.empty() && machine != device_.machine()) {
    fail(ErrorKind::config, "{}: {} is for {}, the device is {}", name_, file.string(), machine, device_.machine());
  }
}

AgentAnswer RemoteAgent::run(const AgentRequest& request) {
  std::map<std::string, std::string> names;
  const auto put = [&](const RemoteFile& file) {
    std::string there = device_.put(file);
    names[there] = file.what;
    return there;
  };
  std::vector<std::string> words{put(agent_), request.command};
  for (const RemoteFile& model : request.models) words.push_back(put(model));
  const bool predicts = request.command == "predict";
  if (request.pack) words.insert(words.end(), {"--pack", put(*request.pack)});
  if (request.source) words.insert(words.end(), {"--source", put(*request.source)});
  add_flags(words, request.settings);
  words.insert(words.end(), {"--progress", "json"});
  if (!predicts) words.insert(words.end(), {"--device", name_});  // in its records

  Listener listener(name_, std::move(names), log_);
  const RemoteEnd end = device_.run(
      [&](const std::string& job) {
        std::vector<std::string> all = words;
        const bool scores = request.command == "eval" || request.command == "run";
        if (scores) all.insert(all.end(), {"--state", job + "/state"});
        if (request.predictions) all.insert(all.end(), {"--predictions", job + "/" + kPredictions});
        return all;
      },
      [&](std::string_view line) { listener.hear(line); }, request.predictions ? kPredictions : "");
  if (end.exit_code != 0 && end.exit_code != kCellFailed) listener.fail_by(end.exit_code);
  AgentAnswer answer;
  if (predicts) {
    answer.lines = lines_of(end.output, name_);
    return answer;
  }
  answer.records = records_of(end.output, name_);
  if (answer.records.size() != request.models.size()) {
    fail(ErrorKind::backend, "{}: expected {} records of quench-agent, got {}", name_, request.models.size(),
         answer.records.size());
  }
  if (end.file) answer.predictions = predictions_of(*end.file, answer.records.front(), name_);
  return answer;
}

}  // namespace quench::remote
