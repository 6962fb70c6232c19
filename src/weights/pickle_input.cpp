#include "weights/pickle_input.h"

#include <fmt/format.h>

#include "core/error.h"
#include "weights/pickle.h"

namespace quench::weights::pickle {

Input::Input(std::string_view bytes, std::string_view where) : bytes_(bytes), where_(where) {
  if (bytes_.size() > kMaxBytes) wrong(fmt::format("a pickle of at most {} bytes", kMaxBytes), "more");
}

unsigned char Input::next_instruction() {
  begin_ = at_;
  charge(1);
  return static_cast<unsigned char>(take(1)[0]);
}

void Input::wrong(std::string_view expected, std::string_view got) const {
  fail(ErrorKind::data, "[weights.pickle] expected {}, got {} ({}, byte offset {})", expected, got, where_, begin_);
}

void Input::wrong_number(std::string_view text) const { wrong("a number", fmt::format("'{}'", text.substr(0, 40))); }

void Input::refuse(std::string_view module, std::string_view name) const {
  fail(ErrorKind::data,
       "[weights.pickle] refused {}.{}: no name that weights need; a loader of Python objects would run what the file "
       "says, here nothing was run ({}, byte offset {})",
       module.substr(0, 100), name.substr(0, 100), where_, begin_);
}

void Input::unsupported(std::string_view expected, std::string_view got) const {
  fail(ErrorKind::unsupported, "[weights.pickle] expected {}, got {} ({}, byte offset {})", expected, got, where_,
       begin_);
}

void Input::charge(size_t steps) {
  steps_ += static_cast<int64_t>(steps);
  if (steps_ > kMaxSteps) wrong(fmt::format("a pickle of at most {} steps", kMaxSteps), "more");
}

std::string_view Input::take(uint64_t size) {
  if (size > bytes_.size() - at_) wrong(fmt::format("{} bytes more", size), "the end of the pickle");
  const std::string_view taken = bytes_.substr(at_, size);
  at_ += size;
  return taken;
}

std::string_view Input::line() {
  const size_t end = bytes_.find('\n', at_);
  if (end == std::string_view::npos) wrong("a line", "the end of the pickle");
  const std::string_view text = bytes_.substr(at_, end - at_);
  at_ = end + 1;
  return text;
}

std::string Input::plain(std::string_view text) const {
  for (const char letter : text) {
    if (letter == '\\' || static_cast<unsigned char>(letter) > 0x7F) {
      unsupported("protocol 1 or above for texts that are not ASCII", "0");
    }
  }
  return std::string(text);
}

}  // namespace quench::weights::pickle
