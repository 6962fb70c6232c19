#include "cli/terminal.h"

#include <unistd.h>

#include <iostream>

#include "core/clock.h"

namespace quench::cli {

Terminal::Terminal() : is_terminal_(isatty(STDERR_FILENO)) {}

LogSink Terminal::sink() {
  return {[this](LogLevel level, std::string_view text) { message(level, text); },
          [this](std::string_view text) { progress(text); }};
}

void Terminal::end_progress() {
  if (line_open_) std::cerr << "\r\033[K" << std::flush;
  line_open_ = false;
}

void Terminal::message(LogLevel level, std::string_view text) {
  end_progress();
  std::cerr << (level == LogLevel::warning ? "warning: " : "") << text << "\n";
}

void Terminal::progress(std::string_view text) {
  const int64_t now = now_ns();
  const int64_t wait_ns = is_terminal_ ? 100'000'000 : 10'000'000'000;
  if (now - printed_ns_ < wait_ns && printed_ns_ != 0) return;
  printed_ns_ = now;
  if (is_terminal_) {
    std::cerr << "\r\033[K" << text << std::flush;
    line_open_ = true;
  } else {
    std::cerr << text << "\n";
  }
}

}  // namespace quench::cli
