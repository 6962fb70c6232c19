#include "study/study_file.h"

#include <algorithm>
#include <set>

#include "config/study_keys.h"
#include "config/tables.h"
#include "config/yaml.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/task.h"
#include "core/text.h"
#include "models/spec.h"
#include "remote/ssh.h"
#include "study/file_name.h"
#include "study/layer_check.h"

namespace quench::study {
namespace {

const std::vector<std::string> kRuntimes{"native", "onnxruntime", "torch", "tensorrt", "tensorrt-fp16"};

std::vector<std::string> names_of(const config::OptionSet& options) {
  std::vector<std::string> names;
  for (const config::Option& option : options.options()) names.push_back(option.name);
  return names;
}

void check_keys(const Json& map, const std::vector<std::string>& known, const std::string& where) {
  if (!map.is_object()) fail(ErrorKind::config, "{}: expected a map, got {}", where, map.dump());
  for (const auto& [key, value] : map.items()) {
    if (!std::count(known.begin(), known.end(), key)) {
      fail(ErrorKind::config, "{}: unknown key '{}'{}", where, key, suggestion(key, known));
    }
  }
}

void check_name(const std::string& name, const std::vector<std::string>& known, const char* what,
                const std::string& where) {
  if (!std::count(known.begin(), known.end(), name)) {
    fail(ErrorKind::config, "{}: unknown {} '{}'{}", where, what, name, suggestion(name, known));
  }
}

std::string text_of(const Json& value, const std::string& where) {
  if (!value.is_string() || value.get<std::string>().empty()) {
    fail(ErrorKind::config, "{}: expected a text, got {}", where, value.dump());
  }
  return value;
}

/// A single value or a list of them, as a list that is not empty.
Json list_of(const Json& value, const std::string& where) {
  Json list = value.is_array() ? value : Json::array({value});
  if (list.empty()) fail(ErrorKind::config, "{}: expected at least one entry, got an empty list", where);
  return list;
}

std::vector<int64_t> integers_of(const Json& value, int64_t min, const std::string& where) {
  std::vector<int64_t> out;
  for (const Json& item : list_of(value, where)) {
    if (!item.is_number_integer() || item.get<int64_t>() < min) {
      fail(ErrorKind::config, "{}: expected integers of at least {}, got {}", where, min, item.dump());
    }
    out.push_back(item.get<int64_t>());
  }
  return out;
}

std::vector<std::string> texts_of(const Json& value, const std::string& where) {
  std::vector<std::string> out;
  for (const Json& item : list_of(value, where)) out.push_back(text_of(item, where));
  return out;
}

/// Whether a key `seed` stands anywhere in it: a study's `seeds` are those of all its work.
bool has_seed(const Json& value) {
  if (value.is_object() && value.contains("seed")) return true;
  return value.is_structured() && std::any_of(value.begin(), value.end(), has_seed);
}

config::OptionSet train_settings(const std::string& task) {
  return config::fit_options(task) + config::distill_options();
}

/// Throws Error{config} naming `where` for a name that no model has.
std::string task_of_model(const std::string& name, const std::string& where) {
  if (name.find(':') == std::string::npos) check_name(name, models::names(), "model", where);
  try {
    return models::spec(name).task;
  } catch (const Error& error) {
    fail(error.kind(), "{}: {}", where, error.what());
  }
}

ModelEntry check_model(const Json& entry, const Json& defaults, const Json& train, const std::string& task,
                       const std::string& where) {
  Json map = entry.is_string() ? Json{{"model", entry}} : entry;
  if (!map.is_object() || !map.contains("model")) {
    fail(ErrorKind::config, "{}: expected a model name or a map with 'model', got {}", where, entry.dump());
  }
  std::vector<std::string> keys = names_of(config::model_options());
  for (const char* key : {"name", "train", "seeds", "methods"}) keys.emplace_back(key);
  check_keys(map, keys, where);
  Json own_train = map.value("train", Json::object());
  ModelEntry out;
  if (map.contains("seeds")) out.seeds = integers_of(map["seeds"], 0, where + ".seeds");
  if (map.contains("methods")) out.methods = texts_of(map["methods"], where + ".methods");
  if (map.contains("name")) out.name = text_of(map["name"], where + ".name");
  const bool control = std::ranges::any_of(out.name, [](unsigned char c) { return c < 32 || c == 127; });
  if (out.name.size() > 100) {
    fail(ErrorKind::config, "{}.name: expected at most 100 bytes, got {}", where, out.name.size());
  }
  if (out.name.find_first_of("/\\ ,@") != std::string::npos || out.name.starts_with('.') || control) {
    fail(ErrorKind::config, "{}.name: expected a name without '/', '@', ',', spaces and a dot in front, got '{}'",
         where, out.name);
  }
  for (const char* key : {"name", "train", "seeds", "methods"}) map.erase(key);
  Json model = defaults;
  model.update(map);
  out.model = config::model_options().checked(model, where);
  if (const std::string own = task_of_model(out.model["model"], where); own != task) {
    fail(ErrorKind::config, "{}: expected models of one task, got {} for '{}' beside one for '{}'", where,
         out.model["model"].dump(), own, task);
  }
  if (!own_train.is_object()) fail(ErrorKind::config, "{}.train: expected a map, got {}", where, own_train.dump());
  Json merged = train;
  merged.update(own_train);
  out.train = train_settings(task).checked(merged, where + ".train");
  config::require_teacher(out.train, where + ".train");
  return out;
}

/// The methods that models name are the study's.
void check_own_methods(const StudyFile& study, const std::string& where) {
  std::vector<std::string> known;
  for (const methods::Method& method : study.methods) known.push_back(method.method);
  for (const ModelEntry& model : study.models) {
    for (const std::string& name : model.methods) check_name(name, known, "method", where + ".models.methods");
  }
}

DeviceEntry check_device(const Json& entry, const std::string& where) {
  const Json map = !entry.is_string() ? entry : entry == "host" ? Json{{"name", "host"}} : Json{{"address", entry}};
  check_keys(map, names_of(config::study_device_options()), where);
  const auto text = [&](const char* key) {
    return map.contains(key) ? text_of(map[key], fmt::format("{}.{}", where, key)) : std::string();
  };
  DeviceEntry out{text("name"), text("address"), text("agent"), text("ssh_config")};
  if (out.address.empty()) {
    if (out.name == "host" && map.size() == 1) return out;
    fail(ErrorKind::config, "{}: expected host, or a device with an address ssh://user@host[:port], got {}", where,
         entry.dump());
  }
  const remote::SshAddress address = remote::parse_ssh_address(out.address);
  if (out.name.empty()) out.name = address.host;
  if (out.name == "host") {
    fail(ErrorKind::config, "{}.name: expected another name than 'host', which is this machine", where);
  }
  if (out.name.find_first_of("/@ ") != std::string::npos) {
    fail(ErrorKind::config, "{}.name: expected a name without '/', '@' and spaces, got '{}'", where, out.name);
  }
  return out;
}

/// The task of the first model that is known; the others are held against it.
std::string task_of(const Json& models) {
  for (const Json& entry : models) {
    const Json name = entry.is_object() ? entry.value("model", Json()) : entry;
    if (name.is_string() && models::is_name(name)) {
      return models::spec(name).task;
    }
  }
  return default_task();
}

void require_unique(const StudyFile& study, const std::string& where) {
  std::set<std::string> seen;
  for (const methods::Method& method : study.methods) {
    const std::string key = method.method + "/" + method.setting;
    if (!seen.insert(key).second) {
      fail(ErrorKind::config, "{}.methods: expected each method and setting once, got '{}' twice", where, key);
    }
  }
  for (const DeviceEntry& device : study.devices) {
    if (!seen.insert("device " + device.name).second) {
      fail(ErrorKind::config, "{}.devices: expected each name once, got '{}' twice", where, device.name);
    }
    if (device.remote() && study.detect.is_object() && study.detect["rect"].get<bool>()) {
      fail(ErrorKind::config, "{}.detect: expected no 'rect' with a device: sample packs are of one size", where);
    }
  }
  for (const ModelEntry& model : study.models) {
    if (!seen.insert(canonical_text(model.model) + canonical_text(model.train)).second) {
      fail(ErrorKind::config, "{}.models: expected each model once, got {} twice", where, model.model["model"].dump());
    }
  }
}

/// Jobs train in one process each: several would need the others to begin the same job.
void require_one_process(const StudyFile& study, const std::string& where) {
  const auto check = [&](const Json& settings, const std::string& of) {
    if (settings.value("world_size", 1) == 1) return;
    fail(ErrorKind::config,
         "{}.{}: expected `world_size` 1, since each job of a study trains in one process, got {} (`quench train "
         "--world-size` makes the model; the study takes it as a file)",
         where, of, settings["world_size"].dump());
  };
  for (const ModelEntry& model : study.models) check(model.train, "train");
  for (const methods::Method& method : study.methods) {
    for (const methods::ChainStep& step : method.steps) check(step.settings, "methods." + method.method);
  }
}

std::string plain_label(const ModelEntry& entry) {
  const std::string name = entry.name.empty() ? entry.model["model"].get<std::string>() : entry.name;
  const int64_t imgsz = entry.model["imgsz"];
  return imgsz > 0 ? fmt::format("{}@{}", name, imgsz) : name;
}

/// The end of a path that tells it from the others: its file name, with folders where others have that too.
std::string short_path(const std::string& path, const std::vector<const Json*>& others, const std::string& key) {
  const auto end_of = [](const std::string& text, int64_t parts) {
    const std::filesystem::path whole(text);
    const int64_t all = std::distance(whole.begin(), whole.end());
    std::filesystem::path end;
    for (auto part = std::next(whole.begin(), std::max<int64_t>(0, all - parts)); part != whole.end(); ++part) {
      end /= *part;
    }
    return end.string();
  };
  const int64_t most = std::ranges::count(path, '/') + 1;
  for (int64_t parts = 1; parts < most; ++parts) {
    const bool shared = std::ranges::any_of(others, [&](const Json* other) {
      const Json value = other->value(key, Json());
      return value.is_string() && value != path && end_of(value.get<std::string>(), parts) == end_of(path, parts);
    });
    if (!shared) return end_of(path, parts);
  }
  return path;
}

void add_differences(std::string& label, const Json& own, const std::vector<const Json*>& others,
                     const std::string& prefix) {
  for (const auto& [key, value] : own.items()) {
    const bool differs =
        std::ranges::any_of(others, [&](const Json* other) { return other->value(key, Json()) != value; });
    if (!differs) continue;
    std::string text = value.is_string() ? short_path(value.get<std::string>(), others, key)
                       : value.is_null() ? "none"
                                         : value.dump();
    std::ranges::replace_if(
        text, [](char c) { return c == '/' || c == ' '; }, '_');
    label += fmt::format(",{}{}={}", prefix, key, text);
  }
}

/// Names of entries: the model and its size; of entries that share these, what differs between them too.
void set_labels(std::vector<ModelEntry>& models) {
  std::vector<std::string> labels;
  for (const ModelEntry& entry : models) {
    std::string label = plain_label(entry);
    std::vector<const Json*> model_settings, train_settings;
    for (const ModelEntry& other : models) {
      if (plain_label(other) != label) continue;
      model_settings.push_back(&other.model);
      train_settings.push_back(&other.train);
    }
    add_differences(label, entry.model, model_settings, "");
    add_differences(label, entry.train, train_settings, "train.");
    labels.push_back(label);
  }
  for (size_t i = 0; i < models.size(); ++i) {
    const auto alike = std::ranges::count_if(
        labels, [&](const std::string& label) { return file_name(label) == file_name(labels[i]); });
    models[i].label = labels[i];
    // Values that a name cannot tell apart: a hash of the settings does, wherever the entry stands.
    if (alike > 1) {
      models[i].label +=
          "," + sha256_hex(canonical_text(models[i].model) + canonical_text(models[i].train)).substr(0, 6);
    }
  }
}

}  // namespace

bool ModelEntry::takes(const methods::Method& method) const {
  return methods.empty() || std::ranges::find(methods, method.method) != methods.end();
}

StudyFile check_study(const Json& study, const std::string& where, const methods::StepTable& steps) {
  std::vector<std::string> known{"predict"};  // the old name of `forecast`
  for (const config::StudyKey& key : config::study_keys()) known.push_back(key.name);
  check_keys(study, known, where);
  for (const char* key : {"study", "models", "methods"}) {
    if (!study.contains(key)) fail(ErrorKind::config, "{}: expected the key '{}', got none", where, key);
  }
  StudyFile out;
  out.steps = steps;
  out.name = text_of(study["study"], where + ".study");
  if (out.name.find_first_of("/\\") != std::string::npos || out.name.starts_with('.')) {
    fail(ErrorKind::config, "{}.study: expected a name that can be a folder, got '{}'", where, out.name);
  }
  if (study.contains("notes")) out.notes = texts_of(study["notes"], where + ".notes");
  const Json data = study.value("data", Json("cifar100"));
  out.data = config::data_options().checked(data.is_string() ? Json{{"data", data}} : data, where + ".data");

  Json model_defaults = Json::object();
  for (const char* key : {"imgsz", "stem_stride"}) {
    if (study.contains(key)) model_defaults[key] = study[key];
  }
  const Json models = list_of(study["models"], where + ".models");
  const std::string task = out.task = task_of(models);
  const Json given = study.value("train", Json::object());
  train_settings(task).checked(given, where + ".train");
  for (const Json& entry : models) {
    out.models.push_back(check_model(entry, model_defaults, given, task, where + ".models"));
  }
  set_labels(out.models);
  if (has_seed(given) || has_seed(models) || has_seed(study["methods"])) {
    fail(ErrorKind::config, "{}: expected seeds under the key 'seeds', got a 'seed' in train, models or methods",
         where);
  }
  out.runtimes = texts_of(study.value("runtimes", Json::array({"native"})), where + ".runtimes");
  for (const std::string& runtime : out.runtimes) check_name(runtime, kRuntimes, "runtime", where + ".runtimes");
  // Quantizers stand where the first runtime wants them.
  const std::string& first = out.runtimes.at(0);
  const std::string target = first == "onnxruntime"          ? "onnxruntime"
                             : first.starts_with("tensorrt") ? "tensorrt"
                                                             : "native";
  for (const Json& entry : list_of(study["methods"], where + ".methods")) {
    for (methods::Method& method : methods::methods_of(entry, steps, task, target, where + ".methods"))
      out.methods.push_back(std::move(method));
  }
  check_own_methods(out, where);
  for (const ModelEntry& model : out.models) {
    for (const methods::Method& method : out.methods) {
      if (!model.takes(method)) continue;
      methods::effective_steps(method, steps, {task}, model.train, where + ".methods");  // before any work
    }
  }
  check_layers(out, where);
  const std::vector<int64_t> seeds = integers_of(study.value("seeds", Json::array({0})), 0, where + ".seeds");
  for (ModelEntry& model : out.models) {
    if (model.seeds.empty()) model.seeds = seeds;
  }
  out.threads = integers_of(study.value("threads", Json::array({1})), 1, where + ".threads");
  for (const Json& entry : list_of(study.value("devices", Json("host")), where + ".devices")) {
    out.devices.push_back(check_device(entry, where + ".devices"));
  }
  const Json bench = study.value("bench", Json::object());
  check_keys(bench, {"min_samples", "min_seconds"}, where + ".bench");
  out.bench = config::bench_options().checked(bench, where + ".bench");
  out.bench.erase("runtime");
  out.bench.erase("isa");
  out.bench.erase("threads");
  const config::OptionSet& reading = config::evaluate_options(task);
  if (!reading.options().empty()) {
    out.detect = reading.checked(study.value("detect", Json::object()), where + ".detect");
  } else if (study.contains("detect")) {
    fail(ErrorKind::config, "{}: expected no 'detect' for models that {}", where, task);
  }
  if (study.contains("forecast") && study.contains("predict")) {
    fail(ErrorKind::config, "{}: expected 'forecast' or its old name 'predict', got both", where);
  }
  for (const char* key : {"forecast", "predict"}) {
    if (study.contains(key)) out.forecast = check_forecasts(study[key], where + "." + key);
  }
  if (study.contains("hosts")) out.hosts = check_hosts(study["hosts"], where + ".hosts");
  out.slurm = check_slurm(study.value("slurm", Json::object()), steps, where + ".slurm");
  require_unique(out, where);
  require_one_process(out, where);
  return out;
}

StudyFile read_study(const std::filesystem::path& path, const FilePlaces& places, const LogSink& log) {
  return check_study(with_model_files(config::read_yaml(path), path.string(), places, log), path.string());
}

}  // namespace quench::study
