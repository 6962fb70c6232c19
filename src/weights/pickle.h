#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// Python's pickle format, protocols 0 to 5, read as data. A pickle is a program for a small stack machine whose
/// instructions may name any function and call it: that is how a "weights" file can run a command. This reader has no
/// way to call anything. A call of a container type makes that container, a call of a class of a known library makes a
/// plain record (Object), and any other name is refused by name.
namespace quench::weights::pickle {

struct Value;
/// Owned by the Document. Values may be shared and may contain themselves: walk with a bound on depth and steps.
using Ref = Value*;
using Pairs = std::vector<std::pair<Ref, Ref>>;

struct None {};
struct Bytes {
  std::string bytes;
};
struct List {
  std::vector<Ref> items;
};
struct Tuple {
  std::vector<Ref> items;
};
struct Set {
  std::vector<Ref> items;
};
/// In order; where a key stands twice, the last one counts.
struct Dict {
  Pairs items;
};
/// A class or function, by name only: `torch.nn.modules.conv` `Conv2d`.
struct Global {
  std::string module;
  std::string name;
};
/// What a call of `callable` with `arguments` would have made; nothing was called.
struct Object {
  Ref callable = nullptr;   ///< a Global
  Ref arguments = nullptr;  ///< a Tuple
  Ref state = nullptr;      ///< what would have been put into it (an object's attributes: a Dict), or null
  Ref list = nullptr;       ///< a List of what would have been appended, or null
  Ref dict = nullptr;       ///< a Dict of what would have been set by key, or null
};
/// A reference to something outside the pickle: torch's storages.
struct Persistent {
  Ref id = nullptr;
};

/// Integers beyond 64 bits are read as double.
struct Value {
  std::variant<None, bool, int64_t, double, std::string, Bytes, List, Tuple, Set, Dict, Global, Object, Persistent> is;

  /// The alternative T, or null where the value is another.
  template <typename T>
  const T* as() const {
    return std::get_if<T>(&is);
  }
};

/// A loaded pickle: the root value and all that it refers to.
class Document {
 public:
  const Value& root() const { return *root_; }

 private:
  friend class Stack;
  std::deque<Value> values_;
  Ref root_ = nullptr;
};

/// Largest pickle, in bytes, and most steps (instructions and items copied by them).
inline constexpr size_t kMaxBytes = size_t{64} << 20;
inline constexpr int64_t kMaxSteps = 4'000'000;
/// Deepest nesting of marks.
inline constexpr size_t kMaxMarks = 1000;

/// Runs the pickle as data. Memory is bounded by the bounds above; nothing recurses. Bytes after STOP are not read.
/// Throws Error{data} naming `where` and the byte offset for a malformed or truncated pickle, for one beyond the
/// bounds, and for a refused name (`os.system`); Error{unsupported} for an instruction that needs what a file cannot
/// hold.
Document load(std::string_view bytes, std::string_view where);

/// The module of classes that a file makes itself: only names of them are kept.
inline constexpr std::string_view kMadeTypes = "a type that the file makes";

/// What a name in a pickle may be.
enum class Trust {
  container,  ///< a collection that we make ourselves: OrderedDict, set
  record,     ///< a class or function of a library of models: kept as a record
  type,       ///< dill's way to name a type of the language (`_load_type('set')`), or to make a class: a name
  method,     ///< getattr: a record where it is of a record, as for a method, or a value of an enum; else refused
  refused     ///< anything else
};

/// The list of names, by module and name: what checkpoints of YOLOv5, Ultralytics and torch hold. What is not on it is
/// refused, whatever it is.
Trust trust(std::string_view module, std::string_view name);

/// The text of a value, or null.
inline const std::string* text_of(const Value* value) { return value ? value->as<std::string>() : nullptr; }

/// The value of a text key in a Dict, or null where there is none, or `dict` is no Dict. Linear in its size.
const Value* find(const Value* dict, std::string_view key);

}  // namespace quench::weights::pickle
