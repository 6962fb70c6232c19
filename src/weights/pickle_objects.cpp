#include "weights/pickle_objects.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace quench::weights::pickle {
namespace {

/// The items of a collection; null for another value.
const std::vector<Ref>* items(const Value& value) {
  if (const auto* list = value.as<List>()) return &list->items;
  if (const auto* tuple = value.as<Tuple>()) return &tuple->items;
  if (const auto* set = value.as<Set>()) return &set->items;
  return nullptr;
}

/// An object and a name of something in it; or a class that may be an enum, and the name of a value in capitals.
bool is_attribute(const std::vector<Ref>& arguments) {
  const std::string* text = arguments.size() == 2 ? text_of(arguments[1]) : nullptr;
  if (!text || arguments[0]->as<Object>()) return text != nullptr;
  const Global* type = arguments[0]->as<Global>();
  if (!type || trust(type->module, type->name) != Trust::record) return false;
  const auto capital = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; };
  return !text->empty() && text->front() != '_' && std::ranges::all_of(*text, capital);
}

/// dill names types of the language by a call, and makes classes by one; what comes is a name here.
void push_type(Stack& stack, const Input& input, const Global& name, const std::vector<Ref>& arguments) {
  const bool makes = name.name == "_create_type";
  const size_t at = makes ? 1 : 0;
  const std::string* text = arguments.size() > at ? text_of(arguments[at]) : nullptr;
  if (!text) input.wrong(fmt::format("the name of a type for {}", name.name), "another value");
  if (makes) return stack.push(Global{std::string(kMadeTypes), *text});
  for (const char* module : {"builtins", "collections", "types"}) {
    const Trust kind = trust(module, *text);
    if (kind == Trust::container || kind == Trust::record) return stack.push(Global{module, *text});
  }
  stack.push(Global{std::string(kMadeTypes), *text});  // `ModuleType`, `function`: a name that is only told
}

void push_container(Stack& stack, Input& input, const Global& name, const std::vector<Ref>& arguments) {
  if (name.name == "defaultdict") return stack.push(Dict{});  // its argument says what a missing key would give
  const std::vector<Ref> none;
  const std::vector<Ref>* content = arguments.empty() ? &none : items(*arguments[0]);
  if (!content || arguments.size() > 1) {
    input.wrong(fmt::format("at most one collection for {}", name.name), "another value");
  }
  input.charge(content->size());
  if (name.name != "OrderedDict") return stack.push(Set{*content});
  Dict dict;
  for (const Ref entry : *content) {
    const std::vector<Ref>* pair = items(*entry);
    if (!pair || pair->size() != 2) input.wrong("pairs of key and value", "another value");
    dict.items.emplace_back((*pair)[0], (*pair)[1]);
  }
  stack.push(std::move(dict));
}

}  // namespace

void push_global(Stack& stack, const Input& input, std::string_view module, std::string_view name) {
  if (trust(module, name) == Trust::refused) input.refuse(module, name);
  stack.push(Global{std::string(module), std::string(name)});
}

void push_call(Stack& stack, Input& input, Ref callable, Ref arguments) {
  const Global* name = callable->as<Global>();
  const Tuple* given = arguments->as<Tuple>();
  if (!name) input.wrong("a class or function by name to call", "another value");
  if (!given) input.wrong("a tuple of arguments", "another value");
  const Trust kind = trust(name->module, name->name);
  if (kind == Trust::container) return push_container(stack, input, *name, given->items);
  // A model that was saved with batch norm folded has methods of its own modules as attributes.
  if (kind == Trust::method && !is_attribute(given->items)) input.refuse(name->module, name->name);
  if (kind == Trust::type) return push_type(stack, input, *name, given->items);
  if (name->module == "torch" && name->name == "Size" && given->items.size() == 1 && given->items[0]->as<Tuple>()) {
    return stack.push_ref(given->items[0]);
  }
  stack.push(Object{callable, arguments, nullptr, nullptr, nullptr});
}

void append(Stack& stack, const Input& input, Ref target, const std::vector<Ref>& values) {
  if (auto* object = std::get_if<Object>(&target->is)) {
    if (!object->list) object->list = stack.make(List{});
    target = object->list;
  }
  auto* list = std::get_if<List>(&target->is);
  if (!list) input.wrong("a list to append to", "another value");
  list->items.insert(list->items.end(), values.begin(), values.end());
}

void set_items(Stack& stack, const Input& input, Ref target, const std::vector<Ref>& values) {
  if (values.size() % 2 != 0) input.wrong("a value for each key", "an odd number");
  if (auto* object = std::get_if<Object>(&target->is)) {
    if (!object->dict) object->dict = stack.make(Dict{});
    target = object->dict;
  }
  auto* dict = std::get_if<Dict>(&target->is);
  if (!dict) input.wrong("a dict to set items of", "another value");
  for (size_t i = 0; i < values.size(); i += 2) dict->items.emplace_back(values[i], values[i + 1]);
}

void add_items(const Input& input, Ref target, const std::vector<Ref>& values) {
  auto* set = std::get_if<Set>(&target->is);
  if (!set) input.wrong("a set to add to", "another value");
  set->items.insert(set->items.end(), values.begin(), values.end());
}

void fill_object(const Input& input, Ref target, Ref state) {
  if (auto* object = std::get_if<Object>(&target->is)) {
    object->state = state;
  } else if (!target->as<Dict>()) {
    input.wrong("an object to fill", "another value");
  }
}

}  // namespace quench::weights::pickle
