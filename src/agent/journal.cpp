#include "agent/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

#include "core/error.h"
#include "core/json_text.h"

namespace quench::agent {
namespace {

constexpr int kVersion = 1;
constexpr size_t kBoxValues = 6;  // label, score, x1, y1, x2, y2

uint32_t bits(double value) { return std::bit_cast<uint32_t>(static_cast<float>(value)); }

Json to_json(const ImageResult& result) {
  Json json = Json::object();
  if (result.answer.verdict != metrics::TopK::Verdict{})
    json["v"] = {result.answer.verdict.prediction, result.answer.verdict.ahead};
  if (!result.answer.detections.empty()) {
    Json& values = json["d"] = Json::array();
    for (const models::Detection& d : result.answer.detections) {
      values.push_back(d.label);
      for (const double value : {static_cast<double>(d.score), d.box.x1, d.box.y1, d.box.x2, d.box.y2}) {
        values.push_back(bits(value));
      }
    }
  }
  if (!result.outputs_sha256.empty()) json["h"] = result.outputs_sha256;
  return json;
}

/// Nothing where it is none.
std::optional<ImageResult> result_from(const Json& json) {
  if (!json.is_object()) return std::nullopt;
  ImageResult result;
  for (const auto& [key, value] : json.items()) {
    if (key == "h" && value.is_string()) {
      result.outputs_sha256 = value.get<std::string>();
      continue;
    }
    if (!value.is_array()) return std::nullopt;
    for (const Json& item : value) {
      if (!item.is_number_integer()) return std::nullopt;
    }
    if (key == "v" && value.size() == 2) {
      result.answer.verdict = {value[0].get<int32_t>(), value[1].get<int32_t>()};
    } else if (key == "d" && value.size() % kBoxValues == 0) {
      for (size_t i = 0; i < value.size(); i += kBoxValues) {
        const auto number = [&](size_t k) { return std::bit_cast<float>(value[i + k].get<uint32_t>()); };
        result.answer.detections.push_back(
            {{number(2), number(3), number(4), number(5)}, number(1), value[i].get<int32_t>()});
      }
    } else {
      return std::nullopt;
    }
  }
  return result;
}

/// The first key whose values differ, with both: "threads 4 instead of 2".
std::string difference(const Json& found, const Json& wanted) {
  for (const auto& [key, value] : wanted.items()) {
    const auto other = found.find(key);
    if (other == found.end() || *other != value) {
      return fmt::format("{} {} instead of {}", key, other == found.end() ? "none" : json_text(*other),
                         json_text(value));
    }
  }
  return "more settings";
}

}  // namespace

Journal::Journal(std::filesystem::path path, const Json& run) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail_io("open");
  try {
    struct stat info {};
    if (::fstat(descriptor_, &info) != 0) fail_io("stat");
    if (!S_ISREG(info.st_mode))
      fail(ErrorKind::io, "[agent.state] expected a file, got another thing ({})", path_.string());
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) fail_io("lock");
      fail(ErrorKind::io, "[agent.state] {} is in use by another process", path_.string());
    }
    begin(run);
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

Journal::~Journal() { ::close(descriptor_); }

void Journal::begin(const Json& run) {
  const std::string first = json_text(Json{{"quench_agent_state", kVersion}, {"run", run}});
  std::ifstream in(path_, std::ios::binary);
  std::string line;
  std::getline(in, line);
  if (in.eof() && first.starts_with(line)) {  // empty, or a first line that was never whole
    cut(0);
    return append(first);
  }
  const Json head = try_parse_json(line).value_or(Json());
  if (!head.is_object() || head.value("quench_agent_state", Json()) != kVersion || !head.contains("run") ||
      !head["run"].is_object()) {
    fail(ErrorKind::data, "[agent.state] expected a state file of this agent, got another file ({})", path_.string());
  }
  if (head["run"] != run) {
    fail(ErrorKind::config, "[agent.state] {} is of another run: {}. Name another file, or delete it", path_.string(),
         difference(head["run"], run));
  }
  end_ = static_cast<int64_t>(line.size()) + 1;
}

void Journal::replay(const std::function<void(const ImageResult&)>& take) {
  std::ifstream in(path_, std::ios::binary);
  in.seekg(end_);
  int64_t number = 1;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (in.eof()) break;  // no line end: torn
    const Json block = try_parse_json(line).value_or(Json());
    const bool whole = block.is_object() && block.contains("images") && block["images"].is_array() &&
                       block.value("first", Json()) == first_;
    if (!whole && in.peek() == std::ifstream::traits_type::eof()) break;  // what a power cut left of the last one
    if (!whole) fail_damaged(number);
    for (const Json& json : block["images"]) {
      const std::optional<ImageResult> result = result_from(json);
      if (!result) fail_damaged(number);
      take(*result);
      ++first_;
    }
    end_ += static_cast<int64_t>(line.size()) + 1;
  }
  cut(end_);
}

void Journal::add(const ImageResult& result) { images_.push_back(to_json(result)); }

void Journal::save() {
  if (images_.empty()) return;
  append(Json{{"first", first_}, {"images", images_}}.dump());
  first_ += static_cast<int64_t>(images_.size());
  images_ = Json::array();
}

void Journal::append(const std::string& line) {
  const std::string text = line + "\n";
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(descriptor_, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      const int code = errno;
      if (::ftruncate(descriptor_, end_) != 0) {
      }  // the write's own error is the one to tell
      errno = code;
      fail_io("write");
    }
    done += static_cast<size_t>(n);
  }
  if (::fsync(descriptor_) != 0) fail_io("write");
  end_ += static_cast<int64_t>(text.size());
}

void Journal::cut(int64_t size) {
  if (::ftruncate(descriptor_, size) != 0) fail_io("cut");
  end_ = size;
}

void Journal::fail_io(const char* doing) const {
  const int code = errno;
  fail(ErrorKind::io, "[agent.state] cannot {} {}: {}", doing, path_.string(), std::strerror(code));
}

void Journal::fail_damaged(int64_t line) const {
  fail(ErrorKind::data, "[agent.state] expected a whole line, got a damaged one ({}:{}). Delete the file to start anew",
       path_.string(), line);
}

}  // namespace quench::agent
