#pragma once

#include <cstdint>
#include <string>

#include "core/error.h"
#include "core/log.h"

namespace quench::program {

/// Messages, progress and errors on standard error. As text: on a terminal, progress lines replace one another;
/// elsewhere one in ten seconds is printed. As JSON: one object a line with `event` (info, warning, progress, error),
/// progress once a second. Whatever a text holds, a terminal shows it and does nothing else (printable()).
class Terminal {
 public:
  enum class Form { text, json, none };  ///< none: warnings and errors alone, as text

  explicit Terminal(std::string program);
  void set_form(Form form) { form_ = form; }
  LogSink sink();
  /// "program: text" on one line, or a JSON object with kind and text.
  void error(std::string_view kind, std::string_view text);
  /// Leaves the cursor on a fresh line.
  void end_progress();

 private:
  void message(LogLevel level, std::string_view text);
  void progress(std::string_view text);
  void step(const Step& now);
  bool due();

  std::string program_;
  Form form_ = Form::text;
  bool is_terminal_;
  bool line_open_ = false;
  int64_t printed_ns_ = 0;
};

}  // namespace quench::program
