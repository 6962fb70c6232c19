#include "methods/study_reference.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>

#include "config/study_keys.h"
#include "config/tables.h"
#include "core/task.h"

namespace quench::methods {
namespace {

using config::Option;
using config::OptionSet;
using config::OptionType;

/// Settings of a task.
using TableOf = std::function<OptionSet(std::string_view task)>;

/// A cell of a Markdown table.
std::string cell(std::string text) {
  for (size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, 1, '\\');
  return text;
}

std::string type_of(const Option& option) {
  std::string text;
  switch (option.type) {
    case OptionType::boolean: return "true or false";
    case OptionType::integer: text = "integer"; break;
    case OptionType::number: text = "number"; break;
    case OptionType::text: text = "text"; break;
    case OptionType::text_list: text = "list of texts"; break;
  }
  if (!option.choices.empty()) {
    return fmt::format("{}{}", option.type == OptionType::text_list ? "list of " : "", fmt::join(option.choices, ", "));
  }
  const bool bounded = option.min && option.max && *option.max < 1e9;
  if (bounded) return fmt::format("{}, {} to {}", text, *option.min, *option.max);
  return option.min ? fmt::format("{}, {} or more", text, *option.min) : text;
}

std::string default_of(const Option& option) {
  const Json& value = option.default_value;
  if (value.is_null() || (value.is_string() && value.get<std::string>().empty())) return "";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// The default; of further tasks where it is another: "128; detect: 16".
std::string defaults_of(const std::string& name, const TableOf& table) {
  std::string text, first;
  for (const Task& task : tasks()) {
    const OptionSet options = table(task.name);
    const Option* option = options.find(name);
    const std::string value = option ? default_of(*option) : "";
    if (text.empty() && first.empty()) {
      text = first = value;
    } else if (option && value != first) {
      text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", task.name, value);
    }
  }
  return text;
}

std::string table_text(const TableOf& table) {
  const OptionSet options = table(default_task());
  if (options.options().empty()) return "It has no settings.\n";
  std::string text = "| setting | value | default | meaning |\n|---|---|---|---|\n";
  for (const Option& option : options.options()) {
    text += fmt::format("| `{}` | {} | {} | {} |\n", option.name, cell(type_of(option)),
                        cell(defaults_of(option.name, table)), cell(option.help));
  }
  return text;
}

std::string table_text(const OptionSet& options) {
  return table_text([&](std::string_view) { return options; });
}

}  // namespace

std::string study_reference(const StepTable& steps) {
  std::string text =
      "# Study files: every key\n\n"
      "For those who write a study file: all of its keys, with types, ranges and defaults. What a study is and does: "
      "[studies](studies.md). `quench study init` writes a file to begin with.\n"
      "If detectors have another default than classifiers, it stands behind `detect:`.\n\n"
      "`quench study reference > docs/study-reference.md` writes this page from the tables of settings; it is not "
      "edited by hand.\n\n"
      "## First level\n\n| key | value | default | meaning |\n|---|---|---|---|\n";
  for (const config::StudyKey& key : config::study_keys()) {
    text += fmt::format("| `{}` | {} | {} | {} |\n", key.name, cell(key.value),
                        key.default_value.empty() ? "it must be given" : cell(key.default_value), cell(key.help));
  }
  text += "\n## `data`\n\nA text in place of a map is the setting `data`.\n\n" + table_text(config::data_options());
  text +=
      "\n## `models`\n\nA name in place of a map is the setting `model`. An entry may also have `train` (settings of "
      "its own, over "
      "those of the study), `seeds`\n"
      "and `methods` (names of the study's methods that it goes through), and a `name` for tables. A file as `model` "
      "(`.pt`, "
      "`.safetensors`, `.onnx`)\n"
      "is a model with weights that is taken as it is: `pretrained` with `epochs: 0`.\n\n" +
      table_text(config::model_options());
  text += "\n## `train`\n\n" + table_text([&](std::string_view task) {
            return steps.require("train", "study").options(task).without({"seed"});
          });
  text +=
      "\n## `methods`\n\n`fp32` is the trained model as it is. `ptq` is the step `quantize`, and `qat` is `quantize`, "
      "then "
      "`finetune`: an entry\n"
      "`{method: ptq, observer: [mse, minmax]}` has their settings, and a list makes a method of each of its values. A "
      "chain "
      "of steps has a name:\n"
      "`{name: half-int8, steps: [{prune: {target_gflops: 0.5x}}, finetune, quantize]}`. The steps:\n";
  for (const StepInfo& step : steps.all()) {
    if (step.name == "train" || step.name == "convert") continue;
    text += fmt::format("\n### `{}`\n\n{}.\n\n", step.name, step.summary);
    text += table_text([&](std::string_view task) {
      const OptionSet options = step.options(task);
      return options.find("seed") ? options.without({"seed"}) : options;
    });
  }
  text +=
      "\n### `repeat`\n\n`{repeat: {rounds: 4, steps: [...]}}` runs steps in rounds, each of which reaches a part of "
      "their goal.\n\n" +
      table_text(config::repeat_options());
  text += "\n## `bench`\n\n" + table_text(config::bench_options().only({"min_samples", "min_seconds"}));
  text += "\n## `detect`\n\n" + table_text(config::detect_options());
  text += "\n## `devices`\n\nAn entry is `host`, an address, or a map of these ([devices by ssh](remote.md)).\n\n" +
          table_text(config::study_device_options());
  text += "\n## `hosts`\n\nAn entry is an address, or a map of these ([clusters](cluster.md)).\n\n" +
          table_text(config::study_host_options());
  text +=
      "\n## `slurm`\n\nA map of these for `all` jobs, and for each kind of job, over those of `all`: the names of "
      "steps "
      "(`train`, `quantize`, ...), `evaluate`, `bench`, and `device` for rows that a board by ssh measures "
      "([clusters](cluster.md)). `bench` is `exclusive` unless it says otherwise.\n\n" +
      table_text(config::slurm_options());
  text += "\n## `forecast`\n\nNames of devices are those of `quench devices list` ([devices](devices.md)).\n\n" +
          table_text(config::forecast_options());
  return text;
}

}  // namespace quench::methods
