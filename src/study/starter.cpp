#include "study/starter.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/tables.h"
#include "config/yaml.h"
#include "core/error.h"
#include "models/spec.h"
#include "sources/sources.h"
#include "study/study_file.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kLargestThumbnail = 64;  // images that are enlarged rather than shrunk
constexpr size_t kCommentColumn = 44;

/// A text as YAML takes it: plain where nothing in it is YAML's, else in quotes (JSON's are YAML's).
std::string yaml_text(const std::string& text) {
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || std::string_view("._/-").find(c) != std::string_view::npos;
  };
  const bool letters_first = !text.empty() && std::isalpha(static_cast<unsigned char>(text.front()));
  const bool word = text == "yes" || text == "no" || text == "true" || text == "false" || text == "null" ||
                    text == "on" || text == "off";
  return letters_first && !word && std::ranges::all_of(text, plain) ? text : Json(text).dump();
}

std::string list_text(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + yaml_text(text);
  return "[" + out + "]";
}

/// "line      # comment"
std::string commented(const std::string& line, const std::string& comment) {
  const std::string gap(line.size() < kCommentColumn ? kCommentColumn - line.size() : 1, ' ');
  return line + gap + "# " + comment + "\n";
}

/// A name that can be a folder.
std::string name_of(const StarterRequest& request) {
  if (!request.name.empty()) return request.name;
  std::string data = request.data.substr(0, request.data.find(':'));
  while (data.ends_with('/')) data.pop_back();
  std::string name = fs::path(data).stem().string() + "-" + request.models.front();
  std::ranges::replace_if(
      name, [](unsigned char c) { return !std::isalnum(c) && c != '-' && c != '_' && c != '.'; }, '-');
  return name.starts_with('.') ? "study" + name : name;
}

std::string task_of(const std::vector<std::string>& models) {
  if (models.empty()) fail(ErrorKind::config, "[study] expected a model, got none");
  const std::string task = models::spec(models.front()).task;
  for (const std::string& name : models) {
    if (models::spec(name).task != task) {
      fail(ErrorKind::config, "[study] expected models of one task, got {}, which {}, beside {}, which {}", name,
           models::spec(name).task, models.front(), task);
    }
  }
  return task;
}

std::string models_text(const StarterRequest& request) {
  std::string text = "models:\n";
  for (const std::string& name : request.models) {
    const sources::Source* weights = sources::weights_named(name);
    std::error_code ignored;
    if (weights && fs::exists(sources::weights_file(*weights, request.data_root), ignored)) {
      text += commented(fmt::format("  - {{model: {0}, pretrained: {0}}}", yaml_text(name)),
                        "begins from the released weights that `quench fetch` brought");
      continue;
    }
    text += commented("  - " + yaml_text(name), "initial weights");
    if (!weights) continue;
    text += commented(fmt::format("# - {{model: {0}, pretrained: {0}}}", name),
                      fmt::format("from released weights, after `{}`", sources::command(*weights)));
  }
  return text;
}

/// The setting of a training as it is by default.
std::string default_of(const config::OptionSet& options, const char* name) {
  const config::Option* option = options.find(name);
  ensure(option != nullptr, "[study] no setting {}", name);
  return option->default_value.dump();
}

std::string train_text(const std::string& task) {
  const config::OptionSet& options = config::fit_options(task);
  std::string text = commented("train:", "settings of `quench train`; what is not said has its default");
  text += commented("  epochs: " + default_of(options, "epochs"), "passes over the training images");
  text += commented("  batch: " + default_of(options, "batch"), "images a step");
  text += commented("  lr: " + default_of(options, "lr"), "peak learning rate");
  return text;
}

/// Machines that rows are measured on, and devices that are forecast.
std::string devices_text(const StarterRequest& request, const devices::Catalog& catalog) {
  std::vector<std::string> machines;
  std::string forecasts;
  for (const std::string& name : request.devices) {
    if (name == "host" || name.starts_with("ssh://")) {
      machines.push_back(name);
      continue;
    }
    const devices::Device& device = catalog.require(name);
    if (!device.address.empty()) {
      machines.push_back(device.address);
      continue;
    }
    forecasts += commented(fmt::format("  - {{device: {}, engine: {}}}", name, device.gpu ? "[cpu, gpu]" : "cpu"),
                           device.title + ": latency computed, and marked so");
  }
  std::string text;
  if (!machines.empty()) {
    text += commented("devices: " + list_text(machines), "machines that rows are measured on");
  } else {
    text += commented("devices: [host]", "with a board: [host, ssh://user@board] (docs/remote.md)");
  }
  if (!forecasts.empty()) text += "forecast:\n" + forecasts;
  return text;
}

}  // namespace

std::string starter_file(const StarterRequest& request, const devices::Catalog& catalog) {
  const std::string task = task_of(request.models), name = name_of(request);
  const bool reads_boxes = !config::evaluate_options(task).options().empty();
  int64_t imgsz = request.imgsz;
  if (imgsz == 0 && !reads_boxes && request.side > 0 && request.side <= kLargestThumbnail) imgsz = kLargestThumbnail;
  std::string text =
      "# Made by `quench study init`. `quench study plan FILE` says what it would do, `quench study run FILE` does it, "
      "and goes on\n"
      "# where it was when it is stopped and started again. Every key: docs/study-reference.md, or `quench study "
      "reference`.\n";
  text += commented("study: " + yaml_text(name), "results go to results/" + name);
  text += commented("data: " + yaml_text(request.data),
                    request.about_data.empty() ? "not found here when this file was made" : request.about_data);
  text += fmt::format("# data: {{data: {}, train_limit: 2000, test_limit: 500}}   # fewer images, for a first look\n",
                      yaml_text(request.data));
  if (imgsz > 0) {
    text += commented(fmt::format("imgsz: {}", imgsz), "side of the images in pixels");
  } else {
    text += commented(fmt::format("# imgsz: {}", models::spec(request.models.front()).default_imgsz),
                      "side of the images in pixels; the model's own where it is not said");
  }
  text += models_text(request);
  text += commented("seeds: [0]", "[0, 1, 2] trains three times, and tells how much chance is in it");
  text += train_text(task);
  text += "methods:\n";
  text += commented("  - fp32", "the trained model as it is");
  text += commented("  - {method: ptq, observer: [mse, minmax]}", "INT8 after calibration; a list makes a row of each");
  text += commented("  - {method: qat, epochs: 1}", "INT8 with fine-tuning");
  text +=
      "# - {name: half, steps: [{prune: {target_gflops: 0.5x}}, {finetune: {epochs: 5}}, quantize]}   # pruned, then "
      "INT8\n";
  text += commented("runtimes: [native]", "[native, onnxruntime]: two columns of latency");
  text += commented("threads: [1]", "numbers of threads that latencies are measured with");
  text += commented("bench: {min_seconds: 1}", "3 for figures to publish");
  if (reads_boxes) text += commented("detect: {iou: 0.6}", "how boxes are read when a model is scored");
  text += devices_text(request, catalog);
  check_study(config::parse_yaml(text, "study init"), "study init");
  return text;
}

}  // namespace quench::study
