#include "weights/pickle.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "core/error.h"

namespace quench::weights::pickle {

/// The stack machine. Instructions are named after Python's pickletools.
class Machine {
 public:
  Machine(std::string_view bytes, std::string_view where) : bytes_(bytes), where_(where) {}

  Document run() {
    if (bytes_.size() > kMaxBytes) wrong(fmt::format("a pickle of at most {} bytes", kMaxBytes), "more");
    while (step()) {
    }
    out_.root_ = pop();
    return std::move(out_);
  }

 private:
  // --- Errors and input ---

  [[noreturn]] void wrong(std::string_view expected, std::string_view got) const {
    fail(ErrorKind::data, "[weights.pickle] expected {}, got {} ({}, byte offset {})", expected, got, where_, begin_);
  }

  void charge(size_t steps) {
    steps_ += static_cast<int64_t>(steps);
    if (steps_ > kMaxSteps) wrong(fmt::format("a pickle of at most {} steps", kMaxSteps), "more");
  }

  std::string_view take(uint64_t size) {
    if (size > bytes_.size() - at_) wrong(fmt::format("{} bytes more", size), "the end of the pickle");
    const std::string_view taken = bytes_.substr(at_, size);
    at_ += size;
    return taken;
  }

  template <typename T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }

  std::string_view line() {
    const size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) wrong("a line", "the end of the pickle");
    const std::string_view text = bytes_.substr(at_, end - at_);
    at_ = end + 1;
    return text;
  }

  /// A decimal number that fills a text.
  template <typename T>
  T decimal(std::string_view text) const {
    T value{};
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end != text.data() + text.size()) {
      wrong("a number", fmt::format("'{}'", text.substr(0, 40)));
    }
    return value;
  }

  /// A text of protocol 0, which escapes what is not ASCII.
  std::string plain(std::string_view text) const {
    for (const char letter : text) {
      if (letter == '\\' || static_cast<unsigned char>(letter) > 0x7F) {
        fail(ErrorKind::unsupported,
             "[weights.pickle] expected protocol 1 or above for texts that are not ASCII, got 0 "
             "({}, byte offset {})",
             where_, begin_);
      }
    }
    return std::string(text);
  }

  // --- The stack ---

  template <typename T>
  Ref make(T value) {
    return &out_.values_.emplace_back(Value{std::move(value)});
  }
  template <typename T>
  void push(T value) {
    stack_.push_back(make(std::move(value)));
  }

  void require(size_t count) const {
    if (stack_.size() - (marks_.empty() ? 0 : marks_.back()) < count) wrong("a value on the stack", "none");
  }
  Ref pop() {
    require(1);
    const Ref value = stack_.back();
    stack_.pop_back();
    return value;
  }
  Ref top() const {
    require(1);
    return stack_.back();
  }
  /// The values above the last mark, which goes too.
  std::vector<Ref> pop_to_mark() {
    if (marks_.empty()) wrong("a mark on the stack", "none");
    std::vector<Ref> values(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return values;
  }
  void push_tuple(size_t count) {
    require(count);
    Tuple tuple{{stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end()}};
    stack_.resize(stack_.size() - count);
    push(std::move(tuple));
  }

  void get(uint64_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) wrong("a stored value", fmt::format("index {} of none", index));
    stack_.push_back(found->second);
  }

  // --- Numbers and names ---

  /// Two's complement, little-endian, of any length.
  void push_long(std::string_view raw) {
    if (raw.size() <= 8) {
      uint64_t value = !raw.empty() && (raw.back() & 0x80) ? ~uint64_t{0} : 0;
      std::memcpy(&value, raw.data(), raw.size());
      return push(static_cast<int64_t>(value));
    }
    charge(raw.size() / 8);
    double value = (raw.back() & 0x80) ? -1 : 0;
    for (size_t i = raw.size(); i-- > 0;) value = value * 256 + static_cast<unsigned char>(raw[i]);
    push(value);
  }

  void push_integer_line(std::string_view text) {
    if (text == "00" || text == "01") return push(text == "01");
    if (text.ends_with('L')) text.remove_suffix(1);
    int64_t value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code == std::errc::result_out_of_range && end == text.data() + text.size()) return push(decimal<double>(text));
    push(decimal<int64_t>(text));
  }

  [[noreturn]] void refuse(std::string_view module, std::string_view name) const {
    fail(
        ErrorKind::data,
        "[weights.pickle] refused {}.{}: no name that weights need; a loader of Python objects would run what the file "
        "says, here nothing was run ({}, byte offset {})",
        module.substr(0, 100), name.substr(0, 100), where_, begin_);
  }

  void push_global(std::string_view module, std::string_view name) {
    if (trust(module, name) == Trust::refused) refuse(module, name);
    push(Global{std::string(module), std::string(name)});
  }

  // --- Calls and what they fill ---

  /// The items of a collection; null for another value.
  static const std::vector<Ref>* items(const Value& value) {
    if (const auto* list = value.as<List>()) return &list->items;
    if (const auto* tuple = value.as<Tuple>()) return &tuple->items;
    if (const auto* set = value.as<Set>()) return &set->items;
    return nullptr;
  }

  void call(Ref callable, Ref arguments) {
    const Global* name = callable->as<Global>();
    const Tuple* given = arguments->as<Tuple>();
    if (!name) wrong("a class or function by name to call", "another value");
    if (!given) wrong("a tuple of arguments", "another value");
    const Trust kind = trust(name->module, name->name);
    if (kind == Trust::container) return push_container(*name, given->items);
    // A model that was saved with batch norm folded has methods of its own modules as attributes.
    if (kind == Trust::method && !is_attribute(given->items)) refuse(name->module, name->name);
    if (kind == Trust::type) return push_type(*name, given->items);
    if (name->module == "torch" && name->name == "Size" && given->items.size() == 1 && given->items[0]->as<Tuple>()) {
      return stack_.push_back(given->items[0]);
    }
    push(Object{callable, arguments, nullptr, nullptr, nullptr});
  }

  /// An object and a name of something in it; or a class that may be an enum, and the name of a value in capitals.
  static bool is_attribute(const std::vector<Ref>& items) {
    const std::string* text = items.size() == 2 ? text_of(items[1]) : nullptr;
    if (!text || items[0]->as<Object>()) return text != nullptr;
    const Global* type = items[0]->as<Global>();
    if (!type || trust(type->module, type->name) != Trust::record) return false;
    const auto capital = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; };
    return !text->empty() && text->front() != '_' && std::ranges::all_of(*text, capital);
  }

  /// dill names types of the language by a call, and makes classes by one; what comes is a name here.
  void push_type(const Global& name, const std::vector<Ref>& arguments) {
    const bool makes = name.name == "_create_type";
    const size_t at = makes ? 1 : 0;
    const std::string* text = arguments.size() > at ? text_of(arguments[at]) : nullptr;
    if (!text) wrong(fmt::format("the name of a type for {}", name.name), "another value");
    if (makes) return push(Global{std::string(kMadeTypes), *text});
    for (const char* module : {"builtins", "collections", "types"}) {
      const Trust kind = trust(module, *text);
      if (kind == Trust::container || kind == Trust::record) return push(Global{module, *text});
    }
    push(Global{std::string(kMadeTypes), *text});  // `ModuleType`, `function`: a name that is only told
  }

  void push_container(const Global& name, const std::vector<Ref>& arguments) {
    if (name.name == "defaultdict") return push(Dict{});  // its argument says what a missing key would give
    const std::vector<Ref> none;
    const std::vector<Ref>* content = arguments.empty() ? &none : items(*arguments[0]);
    if (!content || arguments.size() > 1)
      wrong(fmt::format("at most one collection for {}", name.name), "another value");
    charge(content->size());
    if (name.name != "OrderedDict") return push(Set{*content});
    Dict dict;
    for (const Ref entry : *content) {
      const std::vector<Ref>* pair = items(*entry);
      if (!pair || pair->size() != 2) wrong("pairs of key and value", "another value");
      dict.items.emplace_back((*pair)[0], (*pair)[1]);
    }
    push(std::move(dict));
  }

  void append(Ref target, const std::vector<Ref>& values) {
    if (auto* object = std::get_if<Object>(&target->is)) {
      if (!object->list) object->list = make(List{});
      target = object->list;
    }
    auto* list = std::get_if<List>(&target->is);
    if (!list) wrong("a list to append to", "another value");
    list->items.insert(list->items.end(), values.begin(), values.end());
  }

  void set_items(Ref target, const std::vector<Ref>& values) {
    if (values.size() % 2 != 0) wrong("a value for each key", "an odd number");
    if (auto* object = std::get_if<Object>(&target->is)) {
      if (!object->dict) object->dict = make(Dict{});
      target = object->dict;
    }
    auto* dict = std::get_if<Dict>(&target->is);
    if (!dict) wrong("a dict to set items of", "another value");
    for (size_t i = 0; i < values.size(); i += 2) dict->items.emplace_back(values[i], values[i + 1]);
  }

  void add_items(Ref target, const std::vector<Ref>& values) {
    auto* set = std::get_if<Set>(&target->is);
    if (!set) wrong("a set to add to", "another value");
    set->items.insert(set->items.end(), values.begin(), values.end());
  }

  void build(Ref target, Ref state) {
    if (auto* object = std::get_if<Object>(&target->is)) {
      object->state = state;
    } else if (!target->as<Dict>()) {  // attributes of an OrderedDict (`_metadata` of a state_dict) are left out
      wrong("an object to fill", "another value");
    }
  }

  /// Class and arguments above the mark.
  void call_marked(std::vector<Ref> values) {
    if (values.empty()) wrong("a class above the mark", "nothing");
    const Ref callable = values.front();
    values.erase(values.begin());
    call(callable, make(Tuple{std::move(values)}));
  }

  void new_object_ex() {
    const Ref keywords = pop(), arguments = pop(), callable = pop();
    if (!keywords->as<Dict>()) wrong("a dict of keyword arguments", "another value");
    call(callable, arguments);
  }

  // --- Instructions ---

  /// Runs one instruction; false after STOP.
  bool step() {
    begin_ = at_;
    charge(1);
    const auto code = static_cast<unsigned char>(take(1)[0]);
    switch (code) {
      case '.': return false;
      case 0x80:  // PROTO
        if (const auto protocol = number<uint8_t>(); protocol > 5)
          wrong("a protocol up to 5", std::to_string(protocol));
        return true;
      case 0x95: number<uint64_t>(); return true;  // FRAME: its length, of no use here
      case '(':
        if (marks_.size() >= kMaxMarks) wrong(fmt::format("marks nested at most {} deep", kMaxMarks), "more");
        marks_.push_back(stack_.size());
        return true;
      case '0':  // POP takes a mark where one is on top
        if (!marks_.empty() && marks_.back() == stack_.size()) {
          marks_.pop_back();
        } else {
          pop();
        }
        return true;
      case '1': pop_to_mark(); return true;
      case '2': stack_.push_back(top()); return true;
      default: break;
    }
    if (!step_memo(code) && !step_plain(code) && !step_text(code) && !step_container(code) && !step_object(code)) {
      wrong("an instruction of pickle", fmt::format("byte 0x{:02x}", code));
    }
    return true;
  }

  bool step_memo(unsigned char code) {
    switch (code) {
      case 'g': get(decimal<uint64_t>(line())); return true;
      case 'h': get(number<uint8_t>()); return true;
      case 'j': get(number<uint32_t>()); return true;
      case 'p': {
        const auto index = decimal<uint64_t>(line());
        memo_[index] = top();
        return true;
      }
      case 'q': {
        const auto index = number<uint8_t>();
        memo_[index] = top();
        return true;
      }
      case 'r': {
        const auto index = number<uint32_t>();
        memo_[index] = top();
        return true;
      }
      case 0x94: {
        const size_t index = memo_.size();
        memo_[index] = top();
        return true;
      }
      default: return false;
    }
  }

  bool step_plain(unsigned char code) {
    switch (code) {
      case 'N': push(None{}); return true;
      case 0x88: push(true); return true;
      case 0x89: push(false); return true;
      case 'I':
      case 'L': push_integer_line(line()); return true;
      case 'J': push(int64_t{number<int32_t>()}); return true;
      case 'K': push(int64_t{number<uint8_t>()}); return true;
      case 'M': push(int64_t{number<uint16_t>()}); return true;
      case 0x8a: push_long(take(number<uint8_t>())); return true;
      case 0x8b: push_long(take(number<uint32_t>())); return true;
      case 'F': push(decimal<double>(line())); return true;
      case 'G': {  // big-endian, unlike the rest
        uint64_t bits = number<uint64_t>();
        bits = __builtin_bswap64(bits);
        push(std::bit_cast<double>(bits));
        return true;
      }
      default: return false;
    }
  }

  bool step_text(unsigned char code) {
    switch (code) {
      case 'X': push(std::string(take(number<uint32_t>()))); return true;
      case 0x8c: push(std::string(take(number<uint8_t>()))); return true;
      case 0x8d: push(std::string(take(number<uint64_t>()))); return true;
      case 'T': push(std::string(take(number<uint32_t>()))); return true;
      case 'U': push(std::string(take(number<uint8_t>()))); return true;
      case 'V': push(plain(line())); return true;
      case 'S': {
        const std::string_view text = line();
        if (text.size() < 2 || text.front() != text.back() || (text.front() != '\'' && text.front() != '"')) {
          wrong("a text in quotes", "another line");
        }
        push(plain(text.substr(1, text.size() - 2)));
        return true;
      }
      case 'B': push(Bytes{std::string(take(number<uint32_t>()))}); return true;
      case 'C': push(Bytes{std::string(take(number<uint8_t>()))}); return true;
      case 0x8e:
      case 0x96: push(Bytes{std::string(take(number<uint64_t>()))}); return true;
      default: return false;
    }
  }

  bool step_container(unsigned char code) {
    switch (code) {
      case ']': push(List{}); return true;
      case ')': push(Tuple{}); return true;
      case '}': push(Dict{}); return true;
      case 0x8f: push(Set{}); return true;
      case 'l': push(List{pop_to_mark()}); return true;
      case 't': push(Tuple{pop_to_mark()}); return true;
      case 0x91: push(Set{pop_to_mark()}); return true;
      case 'd': {
        const std::vector<Ref> values = pop_to_mark();
        push(Dict{});
        set_items(top(), values);
        return true;
      }
      case 0x85: push_tuple(1); return true;
      case 0x86: push_tuple(2); return true;
      case 0x87: push_tuple(3); return true;
      case 'a': {
        const Ref value = pop();
        append(top(), {value});
        return true;
      }
      case 'e': {
        const std::vector<Ref> values = pop_to_mark();
        append(top(), values);
        return true;
      }
      case 's': {
        const Ref value = pop(), key = pop();
        set_items(top(), {key, value});
        return true;
      }
      case 'u': {
        const std::vector<Ref> values = pop_to_mark();
        set_items(top(), values);
        return true;
      }
      case 0x90: {
        const std::vector<Ref> values = pop_to_mark();
        add_items(top(), values);
        return true;
      }
      default: return false;
    }
  }

  bool step_object(unsigned char code) {
    switch (code) {
      case 'c': {
        const std::string_view module = line(), name = line();
        push_global(module, name);
        return true;
      }
      case 0x93: {
        const Ref name = pop(), module = pop();
        if (!text_of(name) || !text_of(module)) wrong("module and name as texts", "another value");
        push_global(*text_of(module), *text_of(name));
        return true;
      }
      case 'i': {
        const std::string_view module = line(), name = line();
        const Ref arguments = make(Tuple{pop_to_mark()});
        push_global(module, name);
        call(pop(), arguments);
        return true;
      }
      case 'o': call_marked(pop_to_mark()); return true;
      case 'R':
      case 0x81: {
        const Ref arguments = pop(), callable = pop();
        call(callable, arguments);
        return true;
      }
      case 0x92: new_object_ex(); return true;
      case 'b': {
        const Ref state = pop();
        build(top(), state);
        return true;
      }
      case 'P': {
        const Ref id = make(std::string(line()));
        push(Persistent{id});
        return true;
      }
      case 'Q': {
        const Ref id = pop();
        push(Persistent{id});
        return true;
      }
      case 0x82:
      case 0x83:
      case 0x84:
      case 0x97:
      case 0x98:
        fail(ErrorKind::unsupported,
             "[weights.pickle] expected all values in the file, got instruction 0x{:02x}, which takes one from outside "
             "({}, "
             "byte offset {})",
             code, where_, begin_);
      default: return false;
    }
  }

  std::string_view bytes_;
  std::string_view where_;
  size_t at_ = 0;
  size_t begin_ = 0;  // of the instruction that runs
  int64_t steps_ = 0;
  Document out_;
  std::vector<Ref> stack_;
  std::vector<size_t> marks_;  // sizes of the stack
  std::unordered_map<uint64_t, Ref> memo_;
};

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
