#include "runtime/trtexec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>

#include "core/error.h"
#include "core/process.h"
#include "core/text.h"

namespace quench::runtime::trtexec {
namespace {

using Words = std::vector<std::string>;

/// "v8201" is 8.2.1 and "v100300" 10.3.0: TensorRT's own number has two digits a part from 10 on.
std::string version_of(std::string_view help) {
  const size_t start = help.find("[TensorRT v");
  if (start == std::string_view::npos) return "";
  const std::string_view digits = help.substr(start + 11, help.find(']', start) - start - 11);
  int64_t number = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (code != std::errc() || end != digits.data() + digits.size()) return "";
  if (number >= 100'000) return fmt::format("{}.{}.{}", number / 10'000, number / 100 % 100, number % 100);
  return fmt::format("{}.{}.{}", number / 1000, number / 100 % 10, number % 100);
}

/// Every "--word" of a text.
std::set<std::string> flags_in(std::string_view help) {
  std::set<std::string> flags;
  for (size_t at = help.find("--"); at != std::string_view::npos; at = help.find("--", at + 2)) {
    size_t end = at + 2;
    while (end < help.size() && std::isalnum(static_cast<unsigned char>(help[end]))) ++end;
    if (end > at + 2) flags.emplace(help.substr(at, end - at));
  }
  return flags;
}

/// The flags of a build that change what is built.
Words engine_flags(const Tool& tool, const Build& build) {
  Words words{"--shapes=" + build.shapes};
  if (build.fp16) words.push_back("--fp16");
  if (build.int8) words.push_back("--int8");
  // fp32 means it: without this, GPUs from Ampere on round inputs of convolutions to 10 bits of fraction.
  if (tool.has("--noTF32")) words.push_back("--noTF32");
  // Before 8.4 the builder's scratch memory was 16 MiB, too little for the fastest kernels; since then it is all there
  // is.
  if (!tool.has("--memPoolSize") && tool.has("--workspace")) words.push_back("--workspace=1024");
  if (tool.has("--explicitBatch")) words.push_back("--explicitBatch");  // needed by 7, ignored by 8, unknown to 10
  return words;
}

Words run_flags(const Tool& tool, const Run& run) {
  return {tool.path.string(), "--loadEngine=" + run.engine.string(), "--shapes=" + run.shapes,
          fmt::format("--loadInputs={}:{}", run.input_name, run.input.string())};
}

}  // namespace

Tool read_help(const std::filesystem::path& path, std::string_view help) {
  Tool tool{path, version_of(help), flags_in(help)};
  Words missing;
  for (const char* flag : {"--onnx", "--saveEngine", "--loadEngine", "--shapes", "--loadInputs", "--iterations",
                           "--duration", "--warmUp", "--exportTimes", "--exportOutput"}) {
    if (!tool.has(flag)) missing.emplace_back(flag);
  }
  if (!tool.has("--skipInference") && !tool.has("--buildOnly")) missing.emplace_back("--skipInference");
  if (!missing.empty()) {
    fail(ErrorKind::unsupported, "[{}] expected a trtexec of TensorRT 8 or later, {} does not list {}", kWhere,
         path.string(), fmt::join(missing, " "));
  }
  return tool;
}

std::string shape_spec(const std::string& name, const Shape& shape) {
  if (name.empty() || name.find_first_of(",:'\" ") != std::string::npos) {
    fail(ErrorKind::unsupported, "[{}] trtexec cannot take an input of the name '{}'", kWhere, name);
  }
  return fmt::format("{}:{}", name, fmt::join(shape, "x"));
}

std::vector<std::string> build_command(const Tool& tool, const Build& build) {
  Words words{tool.path.string(), "--onnx=" + build.onnx.string(), "--saveEngine=" + build.engine.string()};
  for (std::string& flag : engine_flags(tool, build)) words.push_back(std::move(flag));
  words.emplace_back(tool.has("--skipInference") ? "--skipInference" : "--buildOnly");
  return words;
}

std::string build_key(const Tool& tool, const Build& build) {
  return fmt::format("TensorRT {} {}", tool.version, fmt::join(engine_flags(tool, build), " "));
}

std::vector<std::string> timing_command(const Tool& tool, const Run& run, const Timing& timing) {
  Words words = run_flags(tool, run);
  words.push_back(fmt::format("--iterations={}", timing.iterations));
  words.push_back(fmt::format("--duration={}", timing.duration_seconds));
  words.push_back(fmt::format("--warmUp={}", timing.warm_up_ms));
  // One image after the other, as the other runtimes are timed: no transfer of the next during this one.
  if (tool.has("--exposeDMA")) words.emplace_back("--exposeDMA");
  words.push_back("--exportTimes=" + timing.times.string());
  if (!timing.profile.empty() && tool.has("--exportProfile") && tool.has("--separateProfileRun")) {
    words.push_back("--exportProfile=" + timing.profile.string());
    words.emplace_back("--separateProfileRun");
  }
  return words;
}

std::vector<std::string> output_command(const Tool& tool, const Run& run, const std::filesystem::path& outputs) {
  Words words = run_flags(tool, run);
  for (const char* flag : {"--iterations=1", "--duration=0", "--warmUp=0"}) words.emplace_back(flag);
  words.push_back("--exportOutput=" + outputs.string());
  return words;
}

std::string failure_text(std::string_view output, std::string_view error) {
  Words errors;
  for (const std::string_view text : {output, error}) {
    for (const std::string& line : split_text(text, '\n')) {
      const size_t mark = line.find("[E] ");
      if (mark != std::string::npos) errors.push_back(line.substr(mark + 4));
    }
  }
  if (errors.size() > 3) errors.erase(errors.begin(), errors.end() - 3);
  if (!errors.empty()) return fmt::format("{}", fmt::join(errors, "; "));
  const std::string last = last_line(error);
  return last.empty() ? last_line(output) : last;
}

}  // namespace quench::runtime::trtexec
