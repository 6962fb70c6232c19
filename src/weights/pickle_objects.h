#pragma once

#include <string_view>
#include <vector>

#include "weights/pickle_input.h"
#include "weights/pickle_stack.h"

/// What the names, calls and fillings of a pickle make: containers and plain records, never a call. What does not fit
/// throws Error{data}, and so does a name that is refused (trust()).
namespace quench::weights::pickle {

/// A class or function by name.
void push_global(Stack& stack, const Input& input, std::string_view module, std::string_view name);

/// What calling `callable` (a Global) with `arguments` (a Tuple) would have made.
void push_call(Stack& stack, Input& input, Ref callable, Ref arguments);

/// Values behind those of a List, or of an Object's list.
void append(Stack& stack, const Input& input, Ref target, const std::vector<Ref>& values);

/// Keys and values in turn, into a Dict, or an Object's.
void set_items(Stack& stack, const Input& input, Ref target, const std::vector<Ref>& values);

/// Values into a Set.
void add_items(const Input& input, Ref target, const std::vector<Ref>& values);

/// The state of an Object. Attributes of an OrderedDict (`_metadata` of a state_dict) are left out.
void fill_object(const Input& input, Ref target, Ref state);

}  // namespace quench::weights::pickle
