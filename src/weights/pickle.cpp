#include "weights/pickle.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cstring>

#include "weights/pickle_input.h"
#include "weights/pickle_objects.h"
#include "weights/pickle_stack.h"

namespace quench::weights::pickle {
namespace {

/// The stack machine. Instructions are named after Python's pickletools.
class Machine {
 public:
  Machine(std::string_view bytes, std::string_view where) : input_(bytes, where), stack_(input_) {}

  Document run() {
    while (step()) {
    }
    return stack_.finish();
  }

 private:
  /// Runs one instruction; false after STOP.
  bool step() {
    const unsigned char code = input_.next_instruction();
    switch (code) {
      case '.': return false;
      case 0x80:  // PROTO
        if (const auto protocol = input_.number<uint8_t>(); protocol > 5)
          input_.wrong("a protocol up to 5", std::to_string(protocol));
        return true;
      case 0x95: input_.number<uint64_t>(); return true;  // FRAME: its length, of no use here
      case '(': stack_.mark(); return true;
      case '0': stack_.pop_value_or_mark(); return true;
      case '1': stack_.pop_to_mark(); return true;
      case '2': stack_.push_ref(stack_.top()); return true;
      default: break;
    }
    if (!step_memo(code) && !step_plain(code) && !step_text(code) && !step_container(code) && !step_object(code)) {
      input_.wrong("an instruction of pickle", fmt::format("byte 0x{:02x}", code));
    }
    return true;
  }

  bool step_memo(unsigned char code) {
    switch (code) {
      case 'g': stack_.push_stored(input_.decimal<uint64_t>(input_.line())); return true;
      case 'h': stack_.push_stored(input_.number<uint8_t>()); return true;
      case 'j': stack_.push_stored(input_.number<uint32_t>()); return true;
      case 'p': stack_.store(input_.decimal<uint64_t>(input_.line())); return true;
      case 'q': stack_.store(input_.number<uint8_t>()); return true;
      case 'r': stack_.store(input_.number<uint32_t>()); return true;
      case 0x94: stack_.store_next(); return true;
      default: return false;
    }
  }

  bool step_plain(unsigned char code) {
    switch (code) {
      case 'N': stack_.push(None{}); return true;
      case 0x88: stack_.push(true); return true;
      case 0x89: stack_.push(false); return true;
      case 'I':
      case 'L': push_integer_line(input_.line()); return true;
      case 'J': stack_.push(int64_t{input_.number<int32_t>()}); return true;
      case 'K': stack_.push(int64_t{input_.number<uint8_t>()}); return true;
      case 'M': stack_.push(int64_t{input_.number<uint16_t>()}); return true;
      case 0x8a: push_long(input_.take(input_.number<uint8_t>())); return true;
      case 0x8b: push_long(input_.take(input_.number<uint32_t>())); return true;
      case 'F': stack_.push(input_.decimal<double>(input_.line())); return true;
      case 'G': {  // big-endian, unlike the rest
        uint64_t bits = input_.number<uint64_t>();
        bits = __builtin_bswap64(bits);
        stack_.push(std::bit_cast<double>(bits));
        return true;
      }
      default: return false;
    }
  }

  bool step_text(unsigned char code) {
    switch (code) {
      case 'X': stack_.push(std::string(input_.take(input_.number<uint32_t>()))); return true;
      case 0x8c: stack_.push(std::string(input_.take(input_.number<uint8_t>()))); return true;
      case 0x8d: stack_.push(std::string(input_.take(input_.number<uint64_t>()))); return true;
      case 'T': stack_.push(std::string(input_.take(input_.number<uint32_t>()))); return true;
      case 'U': stack_.push(std::string(input_.take(input_.number<uint8_t>()))); return true;
      case 'V': stack_.push(input_.plain(input_.line())); return true;
      case 'S': {
        const std::string_view text = input_.line();
        if (text.size() < 2 || text.front() != text.back() || (text.front() != '\'' && text.front() != '"')) {
          input_.wrong("a text in quotes", "another line");
        }
        stack_.push(input_.plain(text.substr(1, text.size() - 2)));
        return true;
      }
      case 'B': stack_.push(Bytes{std::string(input_.take(input_.number<uint32_t>()))}); return true;
      case 'C': stack_.push(Bytes{std::string(input_.take(input_.number<uint8_t>()))}); return true;
      case 0x8e:
      case 0x96: stack_.push(Bytes{std::string(input_.take(input_.number<uint64_t>()))}); return true;
      default: return false;
    }
  }

  bool step_container(unsigned char code) {
    switch (code) {
      case ']': stack_.push(List{}); return true;
      case ')': stack_.push(Tuple{}); return true;
      case '}': stack_.push(Dict{}); return true;
      case 0x8f: stack_.push(Set{}); return true;
      case 'l': stack_.push(List{stack_.pop_to_mark()}); return true;
      case 't': stack_.push(Tuple{stack_.pop_to_mark()}); return true;
      case 0x91: stack_.push(Set{stack_.pop_to_mark()}); return true;
      case 'd': {
        const std::vector<Ref> values = stack_.pop_to_mark();
        stack_.push(Dict{});
        set_items(stack_, input_, stack_.top(), values);
        return true;
      }
      case 0x85: stack_.push_tuple(1); return true;
      case 0x86: stack_.push_tuple(2); return true;
      case 0x87: stack_.push_tuple(3); return true;
      case 'a': {
        const Ref value = stack_.pop();
        append(stack_, input_, stack_.top(), {value});
        return true;
      }
      case 'e': {
        const std::vector<Ref> values = stack_.pop_to_mark();
        append(stack_, input_, stack_.top(), values);
        return true;
      }
      case 's': {
        const Ref value = stack_.pop(), key = stack_.pop();
        set_items(stack_, input_, stack_.top(), {key, value});
        return true;
      }
      case 'u': {
        const std::vector<Ref> values = stack_.pop_to_mark();
        set_items(stack_, input_, stack_.top(), values);
        return true;
      }
      case 0x90: {
        const std::vector<Ref> values = stack_.pop_to_mark();
        add_items(input_, stack_.top(), values);
        return true;
      }
      default: return false;
    }
  }

  bool step_object(unsigned char code) {
    switch (code) {
      case 'c': {
        const std::string_view module = input_.line(), name = input_.line();
        push_global(stack_, input_, module, name);
        return true;
      }
      case 0x93: {
        const Ref name = stack_.pop(), module = stack_.pop();
        if (!text_of(name) || !text_of(module)) input_.wrong("module and name as texts", "another value");
        push_global(stack_, input_, *text_of(module), *text_of(name));
        return true;
      }
      case 'i': {
        const std::string_view module = input_.line(), name = input_.line();
        const Ref arguments = stack_.make(Tuple{stack_.pop_to_mark()});
        push_global(stack_, input_, module, name);
        push_call(stack_, input_, stack_.pop(), arguments);
        return true;
      }
      case 'o': call_marked(stack_.pop_to_mark()); return true;
      case 'R':
      case 0x81: {
        const Ref arguments = stack_.pop(), callable = stack_.pop();
        push_call(stack_, input_, callable, arguments);
        return true;
      }
      case 0x92: new_object_ex(); return true;
      case 'b': {
        const Ref state = stack_.pop();
        fill_object(input_, stack_.top(), state);
        return true;
      }
      case 'P': {
        const Ref id = stack_.make(std::string(input_.line()));
        stack_.push(Persistent{id});
        return true;
      }
      case 'Q': {
        const Ref id = stack_.pop();
        stack_.push(Persistent{id});
        return true;
      }
      case 0x82:
      case 0x83:
      case 0x84:
      case 0x97:
      case 0x98:
        input_.unsupported("all values in the file",
                           fmt::format("instruction 0x{:02x}, which takes one from outside", code));
      default: return false;
    }
  }

  /// Two's complement, little-endian, of any length.
  void push_long(std::string_view raw) {
    if (raw.size() <= 8) {
      uint64_t value = !raw.empty() && (raw.back() & 0x80) ? ~uint64_t{0} : 0;
      std::memcpy(&value, raw.data(), raw.size());
      return stack_.push(static_cast<int64_t>(value));
    }
    input_.charge(raw.size() / 8);
    double value = (raw.back() & 0x80) ? -1 : 0;
    for (size_t i = raw.size(); i-- > 0;) value = value * 256 + static_cast<unsigned char>(raw[i]);
    stack_.push(value);
  }

  void push_integer_line(std::string_view text) {
    if (text == "00" || text == "01") return stack_.push(text == "01");
    if (text.ends_with('L')) text.remove_suffix(1);
    int64_t value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code == std::errc::result_out_of_range && end == text.data() + text.size())
      return stack_.push(input_.decimal<double>(text));
    stack_.push(input_.decimal<int64_t>(text));
  }

  /// Class and arguments above the mark.
  void call_marked(std::vector<Ref> values) {
    if (values.empty()) input_.wrong("a class above the mark", "nothing");
    const Ref callable = values.front();
    values.erase(values.begin());
    push_call(stack_, input_, callable, stack_.make(Tuple{std::move(values)}));
  }

  void new_object_ex() {
    const Ref keywords = stack_.pop(), arguments = stack_.pop(), callable = stack_.pop();
    if (!keywords->as<Dict>()) input_.wrong("a dict of keyword arguments", "another value");
    push_call(stack_, input_, callable, arguments);
  }

  Input input_;
  Stack stack_;
};

}  // namespace

Document load(std::string_view bytes, std::string_view where) { return Machine(bytes, where).run(); }

const Value* find(const Value* dict, std::string_view key) {
  const Dict* found = dict ? dict->as<Dict>() : nullptr;
  if (!found) return nullptr;
  for (auto entry = found->items.rbegin(); entry != found->items.rend(); ++entry) {
    const std::string* text = text_of(entry->first);
    if (text && *text == key) return entry->second;
  }
  return nullptr;
}

}  // namespace quench::weights::pickle
