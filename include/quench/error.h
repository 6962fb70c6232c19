#pragma once

#include <stdexcept>
#include <string>

#include "quench/export.h"

namespace quench {
inline namespace v0 {

/// What went wrong, as far as a caller needs to know to react.
enum class ErrorKind {
  config,       ///< the call is wrong: a value out of range, a detector asked for classes
  data,         ///< a file's or a picture's content is wrong: truncated, malformed, no model of quench
  io,           ///< the system refused: missing file, no permission
  unsupported,  ///< understood, but this build or this processor cannot do it
  backend,      ///< the model gave what is no number
  internal,     ///< a fault of quench
};

/// "config", "data", ...
QUENCH_API const char* to_string(ErrorKind kind);

/// What every function of the library throws, besides std::bad_alloc. The message (what()) is one line that says what
/// was expected, what came, and where.
class QUENCH_API Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message);
  ~Error() override;
  ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
};

}  // namespace v0
}  // namespace quench
