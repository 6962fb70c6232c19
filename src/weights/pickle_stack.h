#pragma once

#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "weights/pickle.h"
#include "weights/pickle_input.h"

namespace quench::weights::pickle {

/// The values that a pickle's instructions make, take and store. What is missing on it throws Error{data}, by
/// Input::wrong.
class Stack {
 public:
  explicit Stack(const Input& input) : input_(input) {}

  /// A value of the Document that is on no stack yet.
  template <typename T>
  Ref make(T value) {
    return &out_.values_.emplace_back(Value{std::move(value)});
  }
  template <typename T>
  void push(T value) {
    push_ref(make(std::move(value)));
  }
  /// A value that is there already.
  void push_ref(Ref value) { values_.push_back(value); }

  Ref pop();
  Ref top() const;
  /// A Tuple of the uppermost `count` values in their place.
  void push_tuple(size_t count);

  /// Marks this height; throws Error{data} beyond kMaxMarks of them.
  void mark();
  /// The values above the last mark, which goes too.
  std::vector<Ref> pop_to_mark();
  /// Takes the mark where one is on top, else the value (the instruction POP).
  void pop_value_or_mark();

  /// The memo: values stored by number, to be used again.
  void store(uint64_t index) { memo_[index] = top(); }
  void store_next() { store(memo_.size()); }
  void push_stored(uint64_t index);

  /// The Document, whose root is the uppermost value. The stack is of no use afterwards.
  Document finish();

 private:
  void require(size_t count) const;

  const Input& input_;
  Document out_;
  std::vector<Ref> values_;
  std::vector<size_t> marks_;  // sizes of the stack
  std::unordered_map<uint64_t, Ref> memo_;
};

}  // namespace quench::weights::pickle
