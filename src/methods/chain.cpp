#include "methods/chain.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/activation_scales.h"
#include "config/level_rules.h"
#include "config/requantization.h"
#include "config/tables.h"
#include "core/error.h"
#include "core/text.h"
#include "methods/step_list.h"

namespace quench::methods {
namespace {

const std::vector<std::string> kShortNames{"fp32", "ptq", "qat"};

std::string plain_text(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

/// A combination of list-valued settings: the settings, and what varies as `key=value` or the value where it is a text.
struct Combination {
  Json settings = Json::object();
  std::vector<std::string> parts;
};

/// Every combination of the list-valued entries whose option takes a single value.
std::vector<Combination> expand_lists(const Json& settings, const config::OptionSet& options,
                                      const std::string& where) {
  std::vector<Combination> combinations(1);
  for (const auto& [key, value] : settings.items()) {
    const config::Option* option = options.find(key);
    const bool is_list = value.is_array() && option && option->type != config::OptionType::text_list;
    if (is_list && value.empty()) {
      fail(ErrorKind::config, "{}.{}: expected at least one entry, got an empty list", where, key);
    }
    std::vector<Combination> next;
    for (const Json& choice : is_list ? value : Json::array({value})) {
      for (Combination made : combinations) {
        made.settings[key] = choice;
        if (is_list) made.parts.push_back(choice.is_string() ? plain_text(choice) : key + "=" + plain_text(choice));
        next.push_back(std::move(made));
      }
    }
    combinations = std::move(next);
  }
  return combinations;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ",") + part;
  return text;
}

Json map_of(const Json& value, const std::string& where) {
  if (value.is_null()) return Json::object();
  if (!value.is_object()) fail(ErrorKind::config, "{}: expected a map of settings, got {}", where, value.dump());
  return value;
}

void add_target(ChainStep& step, const std::string& target) {
  if (step.step == "quantize" && !step.settings.contains("target")) step.settings["target"] = target;
}

/// fp32, ptq, qat: settings of all steps in one map.
std::vector<Method> short_method(const std::string& name, const Json& settings, const StepTable& table,
                                 std::string_view task, const std::string& target, const std::string& where) {
  if (std::ranges::count(kShortNames, name) == 0) {
    fail(ErrorKind::config, "{}: unknown method '{}'{}", where, name, suggestion(name, kShortNames));
  }
  std::vector<std::string> chain;
  if (name != "fp32") chain.push_back("quantize");
  if (name == "qat") chain.push_back("finetune");
  config::OptionSet all;
  for (const std::string& step : chain) all = all + table.require(step, where).options(task);
  std::vector<Method> out;
  for (const Combination& made : expand_lists(settings, all, where)) {
    const Json checked = all.checked(made.settings, where + " (" + name + ")");
    Method method{name, "", {}};
    for (const std::string& step : chain) {
      method.steps.push_back({step, table.require(step, where).options(task).part_of(made.settings)});
      add_target(method.steps.back(), target);
    }
    std::vector<std::string> parts = made.parts;
    const auto varied = [&](const char* setting) { return settings.contains(setting) && settings[setting].is_array(); };
    if (name != "fp32" && config::has_dynamic_activations(checked)) {
      if (!varied("activation_scales")) parts.insert(parts.begin(), "dynamic");
    } else if (name != "fp32" && !varied("observer")) {
      parts.insert(parts.begin(), checked["observer"].get<std::string>());
    }
    method.setting = joined(parts);
    out.push_back(std::move(method));
  }
  return out;
}

/// One choice of the list-valued settings of a chain.
struct Partial {
  std::vector<ChainStep> steps;
  std::vector<std::string> parts;
};

/// Each of `lefts`, with each of `rights` behind it.
std::vector<Partial> products(const std::vector<Partial>& lefts, const std::vector<Partial>& rights) {
  std::vector<Partial> out;
  for (const Partial& right : rights) {
    for (Partial left : lefts) {
      left.steps.insert(left.steps.end(), right.steps.begin(), right.steps.end());
      left.parts.insert(left.parts.end(), right.parts.begin(), right.parts.end());
      out.push_back(std::move(left));
    }
  }
  return out;
}

std::vector<Partial> chains_of(const Json& entries, const StepTable& table, std::string_view task,
                               const std::string& target, const std::string& where);

/// {rounds: 4, schedule: cubic, steps: [...]}
std::vector<Partial> chains_in_rounds(const Json& repeat, const StepTable& table, std::string_view task,
                                      const std::string& target, const std::string& where) {
  Json settings = map_of(repeat, where);
  const Json steps = settings.value("steps", Json());
  settings.erase("steps");
  const Json checked = config::repeat_options().checked(settings, where);
  const std::vector<double> progress = progress_of_rounds(checked["schedule"], checked["rounds"]);
  std::vector<Partial> chains = chains_of(steps, table, task, target, where + ".steps");
  for (Partial& chain : chains) {
    chain.steps = in_rounds(chain.steps, table, progress, where);
    for (const ChainStep& step : chain.steps) {
      table.require(step.step, where).options(task).checked(step.settings, where + "." + step.step);
    }
  }
  return chains;
}

/// [step, {step: {settings}}, {repeat: {...}}, ...]
std::vector<Partial> chains_of(const Json& entries, const StepTable& table, std::string_view task,
                               const std::string& target, const std::string& where) {
  if (!entries.is_array() || entries.empty()) {
    fail(ErrorKind::config, "{}: expected a list of steps, got {}", where, entries.dump());
  }
  std::vector<Partial> partials(1);
  for (const Json& entry : entries) {
    if (!entry.is_string() && !(entry.is_object() && entry.size() == 1)) {
      fail(ErrorKind::config, "{}: expected a step's name or a map of one step, got {}", where, entry.dump());
    }
    const std::string step = entry.is_string() ? entry.get<std::string>() : entry.begin().key();
    if (step == "repeat") {
      const Json inner = entry.is_string() ? Json::object() : entry.begin().value();
      partials = products(partials, chains_in_rounds(inner, table, task, target, where + ".repeat"));
      continue;
    }
    const StepInfo& info = table.require(step, where);
    if (step == "train") {
      fail(ErrorKind::config, "{}: expected steps after the training, got 'train': its settings stand in `train`",
           where);
    }
    const Json settings = entry.is_string() ? Json::object() : map_of(entry.begin().value(), where + "." + step);
    std::vector<Partial> choices;
    for (const Combination& made : expand_lists(settings, info.options(task), where + "." + step)) {
      info.options(task).checked(made.settings, where + "." + step);
      choices.push_back({{{step, made.settings}}, made.parts});
      add_target(choices.back().steps.back(), target);
    }
    partials = products(partials, choices);
  }
  return partials;
}

/// {name: N, steps: [{step: {settings}}, step, ...]}
std::vector<Method> named_method(const Json& map, const StepTable& table, std::string_view task,
                                 const std::string& target, const std::string& where) {
  for (const auto& [key, value] : map.items()) {
    if (key != "name" && key != "steps") {
      fail(ErrorKind::config, "{}: unknown key '{}'{}", where, key, suggestion(key, {"name", "steps"}));
    }
  }
  const Json name = map.value("name", Json());
  if (!name.is_string() || name.get<std::string>().empty() ||
      name.get<std::string>().find_first_of("/\\ @") != std::string::npos) {
    fail(ErrorKind::config, "{}.name: expected a name without '/', '@' and spaces, got {}", where, name.dump());
  }
  if (std::ranges::count(kShortNames, name.get<std::string>()) > 0) {
    fail(ErrorKind::config, "{}.name: expected a name of your own, got '{}', which is a method already", where,
         name.get<std::string>());
  }
  std::vector<Partial> partials = chains_of(map["steps"], table, task, target, where + ".steps");
  std::vector<Method> out;
  for (Partial& partial : partials) out.push_back({name, joined(partial.parts), std::move(partial.steps)});
  return out;
}

/// Where a step of a method stands, each name once: "study.methods (half: prune)", "quantize (qat: finetune)", "prune".
std::string place_of(std::string_view where, const std::string& method, const std::string& step) {
  std::string inner = method == where ? "" : method;
  if (step != method && step != where) inner += (inner.empty() ? "" : ": ") + step;
  return inner.empty() ? std::string(where) : fmt::format("{} ({})", where, inner);
}

/// Whether the last quantize of a chain leaves weights of few bits whose scales nothing chose otherwise.
bool has_narrow_weights(const std::vector<ChainStep>& steps) {
  bool narrow = false;
  for (const ChainStep& step : steps) {
    if (step.step == "adaround") narrow = false;
    if (!quantizes(step.step)) continue;
    narrow = step.settings.value("bits_w", 8) < config::kNarrowBits;
    for (const Json& entry : step.settings.value("layer_bits", Json::array())) {
      const std::string text = entry.get<std::string>();
      const size_t width = text.rfind("=w");
      if (width != std::string::npos && width + 2 < text.size()) narrow |= text[width + 2] - '0' < config::kNarrowBits;
    }
    if (step.settings.value("weight_scales", std::string("max_abs")) != "max_abs") narrow = false;
    if (config::levels_choose_scales(step.settings.value("levels", std::string("uniform")))) narrow = false;
    if (step.settings.value("scales", std::string("float")) == "power_of_two") narrow = false;
    if (step.settings.value("group_size", int64_t{0}) > 0) narrow = false;
  }
  return narrow;
}

}  // namespace

std::vector<ChainStep> effective_steps(const Method& method, const StepTable& table, ModelKind kind, const Json& train,
                                       std::string_view where) {
  std::vector<ChainStep> steps;
  for (const ChainStep& given : method.steps) {
    const StepInfo& info = table.require(given.step, where);
    Json values = info.inherits && !train.is_null() ? info.inherits(train) : Json::object();
    values.update(given.settings);
    const std::string here = place_of(where, method.method, given.step);
    const ModelKind before = kind;
    try {
      kind = info.gives(kind);
    } catch (const Error& error) {
      fail(ErrorKind::config, "{}: {}", here, error.what());
    }
    steps.push_back({given.step, info.options(kind.task).checked(values, here)});
    if (quantizes(given.step)) config::require_silu_tables(given.settings, here);
    if (info.check) info.check(steps.back().settings, here);
    if (info.suits) info.suits(steps.back().settings, before, here);
    if (given.step == "finetune" && has_narrow_weights(steps) && config::learns_narrow_weights(steps.back().settings)) {
      steps.back().settings["weight_ranges"] = "learned";  // said, so that it is a part of the work's key
    }
  }
  if (kind.quantized && !kind.integers) steps.push_back({"convert", Json::object()});
  return steps;
}

std::vector<Method> methods_of(const Json& entry, const StepTable& table, std::string_view task,
                               const std::string& target, const std::string& where) {
  Json map = entry.is_string() ? Json{{"method", entry}} : entry;
  if (map.is_object() && map.contains("steps")) return named_method(map, table, task, target, where);
  if (!map.is_object() || !map.contains("method") || !map["method"].is_string()) {
    fail(ErrorKind::config, "{}: expected a method name, a map with 'method', or one with 'name' and 'steps', got {}",
         where, entry.dump());
  }
  const std::string name = map["method"];
  map.erase("method");
  return short_method(name, map, table, task, target, where);
}

Bits bits_of(const std::vector<ChainStep>& steps) {
  Bits bits;
  for (const ChainStep& step : steps) {
    if (step.settings.contains("bits_w")) bits.weights = step.settings["bits_w"];
    if (step.settings.contains("bits_a")) bits.activations = step.settings["bits_a"];
  }
  return bits;
}

}  // namespace quench::methods
