#include "program/terminal.h"

#include <unistd.h>

#include <iostream>
#include <utility>

#include "core/clock.h"
#include "core/json_text.h"
#include "core/printable.h"

namespace quench::program {
namespace {

void print_json(const Json& event) { std::cerr << json_text(event) + "\n" << std::flush; }

}  // namespace

Terminal::Terminal(std::string program) : program_(std::move(program)), is_terminal_(isatty(STDERR_FILENO)) {}

LogSink Terminal::sink() {
  return {[this](LogLevel level, std::string_view text) { message(level, text); },
          [this](std::string_view text) { progress(text); }, [this](const Step& now) { step(now); }};
}

void Terminal::end_progress() {
  if (line_open_) std::cerr << "\r\033[K" << std::flush;
  line_open_ = false;
}

void Terminal::error(std::string_view kind, std::string_view text) {
  end_progress();
  if (form_ == Form::json) return print_json({{"event", "error"}, {"kind", kind}, {"text", text}});
  std::cerr << program_ << ": " << printable_line(text) << "\n";
}

void Terminal::message(LogLevel level, std::string_view text) {
  end_progress();
  const bool warning = level == LogLevel::warning;
  if (form_ == Form::json) return print_json({{"event", warning ? "warning" : "info"}, {"text", text}});
  if (form_ == Form::none && !warning) return;
  std::cerr << (warning ? "warning: " : "") << printable(text) << "\n";
}

bool Terminal::due() {
  const int64_t now = now_ns();
  const int64_t wait_ns = form_ == Form::json ? 1'000'000'000 : is_terminal_ ? 100'000'000 : 10'000'000'000;
  if (form_ == Form::none || (now - printed_ns_ < wait_ns && printed_ns_ != 0)) return false;
  printed_ns_ = now;
  return true;
}

void Terminal::progress(std::string_view text) {
  if (!due()) return;
  if (form_ == Form::json) {
    print_json({{"event", "progress"}, {"text", text}});
  } else if (is_terminal_) {
    std::cerr << "\r\033[K" << printable_line(text) << std::flush;
    line_open_ = true;
  } else {
    std::cerr << printable_line(text) << "\n";
  }
}

void Terminal::step(const Step& now) {
  if (form_ != Form::json) {
    return progress(fmt::format("{}: {} of {} {}, {:.0f} s", now.phase, now.done, now.total, now.things, now.seconds));
  }
  if (!due()) return;
  print_json({{"event", "progress"},
              {"phase", now.phase},
              {"done", now.done},
              {"total", now.total},
              {"seconds", now.seconds}});
}

}  // namespace quench::program
