#pragma once

#include <functional>
#include <string_view>

namespace quench {

enum class LogLevel { debug, info, warning };

/// Where a library's messages and progress lines go. Library code never prints: it calls the sink it was handed.
/// `progress` lines replace one another on a terminal; they may be dropped.
struct LogSink {
  std::function<void(LogLevel, std::string_view)> message;
  std::function<void(std::string_view)> progress;

  void info(std::string_view text) const {
    if (message) message(LogLevel::info, text);
  }
  void warning(std::string_view text) const {
    if (message) message(LogLevel::warning, text);
  }
  void show_progress(std::string_view text) const {
    if (progress) progress(text);
  }
};

}  // namespace quench
