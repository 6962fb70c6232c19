#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace quench {

enum class LogLevel { debug, info, warning };

/// How far a long piece of work is.
struct Step {
  std::string_view phase;  ///< "eval"
  int64_t done = 0;
  int64_t total = 0;
  double seconds = 0;       ///< since this run of it began
  std::string_view things;  ///< what is counted: "images"
};

/// Where a library's messages and progress lines go. Library code never prints: it calls the sink it was handed.
/// `progress` lines replace one another on a terminal; they may be dropped.
struct LogSink {
  std::function<void(LogLevel, std::string_view)> message;
  std::function<void(std::string_view)> progress;
  std::function<void(const Step&)> step = {};  ///< progress in numbers

  void info(std::string_view text) const {
    if (message) message(LogLevel::info, text);
  }
  void warning(std::string_view text) const {
    if (message) message(LogLevel::warning, text);
  }
  void show_progress(std::string_view text) const {
    if (progress) progress(text);
  }
  void show_step(const Step& now) const {
    if (step) step(now);
  }
};

}  // namespace quench
