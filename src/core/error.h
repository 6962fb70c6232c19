#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace quench {

/// What went wrong, as far as the caller needs to know to react.
enum class ErrorKind {
  config,       ///< the request is wrong: unknown name, key, value, flag
  data,         ///< a file's content is wrong: truncated, malformed, out of range
  io,           ///< the system refused: missing file, no permission, full disk, no network
  unsupported,  ///< understood, but this build, runtime or device cannot do it
  backend,      ///< a library that we call failed
  cancelled,    ///< the user asked to stop
  internal,     ///< a broken invariant of ours
};

/// Lower-case name of a kind ("config", "data", ...).
const char* to_string(ErrorKind kind);

/// The one exception of quench. The message names what was expected, what came, and where:
/// `[quant.ptq] expected w [64,3,3,3], got [32,3,3,3] (node model.2.cv1.conv)`.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

/// Throws Error{kind} with a formatted message: `fail(ErrorKind::data, "[x] got {}", n)`.
template <typename... Args>
[[noreturn]] void fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(kind, fmt::format(format, std::forward<Args>(args)...));
}

/// Throws Error{internal} where an invariant of ours does not hold.
template <typename... Args>
void ensure(bool holds, fmt::format_string<Args...> format, Args&&... args) {
  if (!holds) fail(ErrorKind::internal, format, std::forward<Args>(args)...);
}

}  // namespace quench
