#include "weights/pickle_stack.h"

#include <fmt/format.h>

namespace quench::weights::pickle {

void Stack::require(size_t count) const {
  if (values_.size() - (marks_.empty() ? 0 : marks_.back()) < count) input_.wrong("a value on the stack", "none");
}

Ref Stack::pop() {
  const Ref value = top();
  values_.pop_back();
  return value;
}

Ref Stack::top() const {
  require(1);
  return values_.back();
}

void Stack::push_tuple(size_t count) {
  require(count);
  Tuple tuple{{values_.end() - static_cast<std::ptrdiff_t>(count), values_.end()}};
  values_.resize(values_.size() - count);
  push(std::move(tuple));
}

void Stack::mark() {
  if (marks_.size() >= kMaxMarks) input_.wrong(fmt::format("marks nested at most {} deep", kMaxMarks), "more");
  marks_.push_back(values_.size());
}

std::vector<Ref> Stack::pop_to_mark() {
  if (marks_.empty()) input_.wrong("a mark on the stack", "none");
  std::vector<Ref> above(values_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), values_.end());
  values_.resize(marks_.back());
  marks_.pop_back();
  return above;
}

void Stack::pop_value_or_mark() {
  if (!marks_.empty() && marks_.back() == values_.size()) {
    marks_.pop_back();
  } else {
    pop();
  }
}

void Stack::push_stored(uint64_t index) {
  const auto found = memo_.find(index);
  if (found == memo_.end()) input_.wrong("a stored value", fmt::format("index {} of none", index));
  push_ref(found->second);
}

Document Stack::finish() {
  out_.root_ = pop();
  return std::move(out_);
}

}  // namespace quench::weights::pickle
