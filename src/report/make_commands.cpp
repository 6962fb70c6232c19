#include "report/make_commands.h"

#include <fmt/format.h>

#include "config/flags.h"
#include "config/tables.h"
#include "core/error.h"
#include "core/model_file_name.h"
#include "core/shell_word.h"
#include "methods/step.h"
#include "methods/step_list.h"

namespace quench::report {

using record::Record;

namespace {

struct Step {
  const methods::StepInfo* info;
  Json settings;
};

/// Writes commands, each from the file of the one before.
class Commands {
 public:
  Commands(const Record& record, const std::vector<Step>& steps)
      : task_(record.task.value_or("")),
        model_(record.config.value("model", Json::object())),
        data_(record.config.value("data", Json::object())),
        steps_(steps) {}

  std::vector<std::string> run() {
    for (size_t i = 0; i < steps_.size(); ++i) {
      const bool last = i + 1 == steps_.size();
      if (i == 0) {
        begin(steps_[i], last);
      } else if (steps_[i].info->name == "quantize" && !last && steps_[i + 1].info->name == "finetune") {
        floats_ = file_;
        const Step& tuned = steps_[++i];
        make("quantize --method qat", flags(steps_[i - 1]) + flags(tuned), true, i + 1 == steps_.size());
      } else {
        if (methods::quantizes(steps_[i].info->name)) floats_ = file_;
        const bool reads = steps_[i].info->reads(steps_[i].settings) != methods::Needs::nothing;
        make(steps_[i].info->name, flags(steps_[i]), reads, last);
      }
    }
    return commands_;
  }

 private:
  /// A training, or the file that it would have gone on from.
  void begin(const Step& step, bool last) {
    const Json pretrained = model_.value("pretrained", Json());
    if (step.settings.value("epochs", 1) == 0 && pretrained.is_string()) {
      const std::string path = pretrained.get<std::string>();
      file_ = first_ = shell_word(path);
      // Weights have no size of their own: the study's is given when they are read.
      const int64_t size = model_.value("imgsz", int64_t{0});
      if (is_weights_name(path) && size > 0) {
        make("import", fmt::format(" --imgsz {}", size), false, last);
        first_ = file_;
      }
      return;
    }
    std::string model = config::flags(config::model_options(), model_);
    if (model.find(" --model ") == std::string::npos) {
      model = " --model " + shell_word(model_.value("model", "")) + model;
    }
    make("train" + model, flags(step), true, last);
    first_ = file_;
  }

  std::string flags(const Step& step) const {
    Json settings = step.settings;
    if (settings.value("teacher", "") == config::kOriginalTeacher) settings["teacher"] = first_;
    std::string text = config::flags(step.info->options(task_), settings);
    if (step.info->looks_back && !settings.contains("reference")) text += " --reference " + floats_;
    return text;
  }

  void make(const std::string& command, const std::string& settings, bool reads_data, bool last) {
    const std::string made = last ? "model.onnx" : fmt::format("{}.onnx", commands_.size() + 1);
    std::string data;
    if (reads_data) {
      data = " --data " + shell_word(data_.value("data", ""));
      Json others = data_;
      others.erase("data");
      data += config::flags(config::data_options(), others);
    }
    commands_.push_back(
        fmt::format("quench {}{}{}{} -o {}", command, file_.empty() ? "" : " " + file_, data, settings, made));
    file_ = made;
  }

  std::string task_;
  Json model_, data_;
  const std::vector<Step>& steps_;
  std::vector<std::string> commands_;
  std::string file_;    ///< what was made last
  std::string first_;   ///< what the chain begins with
  std::string floats_;  ///< what was quantized
};

}  // namespace

std::vector<std::string> make_commands(const Record& record) {
  if (!record.config.is_object() || !record.config.contains("steps") || !record.config["steps"].is_array()) return {};
  static const methods::StepTable table = methods::step_table();
  std::vector<Step> steps;
  for (const Json& step : record.config["steps"]) {
    if (!step.is_object() || step.size() != 1 || !step.begin()->is_object()) return {};
    const methods::StepInfo* info = table.find(step.begin().key());
    if (info == nullptr) return {};
    if (info->name != "convert") steps.push_back({info, *step.begin()});
  }
  if (steps.empty()) return {};
  try {
    return Commands(record, steps).run();
  } catch (const Json::exception&) {
    return {};  // settings of other types, of another version
  } catch (const Error&) {
    return {};
  }
}

}  // namespace quench::report
