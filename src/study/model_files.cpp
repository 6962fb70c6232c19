#include "study/model_files.h"

#include <algorithm>
#include <cctype>

#include "core/error.h"
#include "core/model_file_name.h"
#include "core/without_place.h"
#include "data/sets/find.h"
#include "graph/image_side.h"
#include "graph/passes.h"
#include "graph/quantized.h"
#include "models/spec.h"
#include "models/task.h"
#include "sources/sources.h"
#include "weights/model_file.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

bool is_model_file(const Json& name) {
  if (!name.is_string()) return false;
  return is_model_file_name(fs::path(name.get<std::string>()).extension().string());
}

/// What tables call it: the file's name without what tables and paths cannot have.
std::string name_of(const fs::path& file) {
  std::string name = file.stem().string();
  std::ranges::replace_if(
      name, [](unsigned char c) { return c < 0x80 && !std::isalnum(c) && c != '-' && c != '_' && c != '.'; }, '_');
  return name;
}

int stem_stride(const graph::Graph& graph) {
  for (const graph::Node& node : graph.nodes) {
    if (node.op == graph::Op::conv && node.name == "model.0.conv") {
      return static_cast<int>(node.as<graph::ConvAttributes>().stride[0]);
    }
  }
  return 2;
}

/// Whether a model built by that name has the tensors of the file's: not where it was pruned.
bool is_built_by_name(const graph::Graph& graph, const std::string& name) {
  models::BuildOptions options;
  options.classes = models::class_names(graph);
  options.imgsz = graph::image_side(graph);
  options.stem_stride = stem_stride(graph);
  const graph::Graph built = graph::fold_batch_norms(models::build(name, options));
  return std::ranges::all_of(built.weights, [&](const auto& weight) {
    const auto found = graph.weights.find(weight.first);
    // Anchors and classes may be others; a bias that folding makes is not in an unfolded file.
    return found == graph.weights.end() || found->second.value.shape() == weight.second.value.shape();
  });
}

class Entry {
 public:
  Entry(const std::string& where, const FilePlaces& places, const fs::path& root, const LogSink& log)
      : where_(where), places_(places), root_(root), log_(log) {}

  Json meant(const Json& entry, bool study_has_size) const {
    Json map = entry.is_string() ? Json{{"model", entry}} : entry;
    const std::string given = map["model"];
    if (!map.value("pretrained", Json()).is_null()) {
      fail(ErrorKind::config, "{}: expected no 'pretrained' beside the file {} as 'model'", where_, given);
    }
    const graph::Graph graph = read(given);
    map["model"] = graph.metadata.at("model");
    map["pretrained"] = given;
    if (!map.contains("name")) map["name"] = name_of(given);
    if (!map.contains("imgsz") && !study_has_size) map["imgsz"] = graph::image_side(graph);
    map["stem_stride"] = stem_stride(graph);
    const Json train = map.value("train", Json::object());
    const bool trains = train.is_object() && train.value("epochs", Json(0)) != 0;
    if (train.is_object() && !train.contains("epochs")) map["train"]["epochs"] = 0;
    log_.info(fmt::format("{}: {} is a {}{}", where_, given, map["model"].get<std::string>(),
                          trains ? ", trained further" : ", taken as it is (epochs: 0)"));
    return map;
  }

 private:
  graph::Graph read(const std::string& given) const {
    const fs::path file = data::find_file(given, root_);
    if (!fs::exists(file)) {
      fail(ErrorKind::config, "{}: there is no file {} (looked for here and below {}){}", where_, given, root_.string(),
           sources::how_to_get(given, root_));
    }
    graph::Graph graph;
    try {
      graph = weights::read_model_file(file, places_.cache, log_).graph;
    } catch (const Error& error) {
      fail(error.kind(), "{}, {}: {}", where_, given, without_place(error.what()));
    }
    if (graph::is_quantized(graph)) {
      fail(ErrorKind::config,
           "{}: expected a float model, got the quantized {}: name the model that it was made of, and quantize it by a "
           "method",
           where_, given);
    }
    const auto name = graph.metadata.find("model");
    if (name == graph.metadata.end() || !models::is_name(name->second) || !is_built_by_name(graph, name->second)) {
      fail(ErrorKind::config,
           "{}: expected a model that a name builds, got {}, a network of its own: a study's models are those of "
           "`quench info --help`, and what methods make of them",
           where_, given);
    }
    return graph;
  }

  const std::string& where_;
  const FilePlaces& places_;
  const fs::path& root_;
  const LogSink& log_;
};

}  // namespace

Json with_model_files(Json study, const std::string& where, const FilePlaces& places, const LogSink& log) {
  if (!study.is_object() || !study.contains("models")) return study;
  Json& models = study["models"];
  if (!models.is_array()) models = Json::array({models});
  const Json data = study.value("data", Json());
  const Json own_root = data.is_object() ? data.value("data_root", Json()) : Json();
  const fs::path root = data::root_of({{"data_root", own_root}}, places.data_root);
  const std::string at = where + ".models";
  for (Json& entry : models) {
    const Json name = entry.is_object() ? entry.value("model", Json()) : entry;
    if (is_model_file(name)) entry = Entry(at, places, root, log).meant(entry, study.contains("imgsz"));
  }
  return study;
}

}  // namespace quench::study
