#include "steps/start_weights.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/file.h"
#include "data/sets/class_match.h"
#include "graph/input_normalization.h"
#include "graph/onnx_read.h"
#include "graph/passes.h"
#include "graph/quantized.h"
#include "models/spec.h"
#include "models/task.h"
#include "weights/checkpoint.h"
#include "weights/import.h"
#include "weights/match.h"
#include "weights/model_file.h"

namespace quench::steps {
namespace {

namespace fs = std::filesystem;

/// Whether two models of the catalog differ by their task alone: family and multipliers are the same, and so are the
/// rows before the head that extracts features.
bool same_backbone(const std::string& one, const std::string& other) {
  if (!models::is_name(one) || !models::is_name(other)) return false;
  const models::Spec a = models::spec(one), b = models::spec(other);
  return a.family == b.family && a.depth == b.depth && a.width == b.width;
}

graph::Graph read_weights(const fs::path& file, const std::string& model, int imgsz, const LogSink& log) {
  const std::string bytes = read_file(file);
  if (weights::is_checkpoint(bytes)) {
    const auto own = weights::catalog_spec(weights::read_checkpoint(bytes, file.string()).tensors);
    const bool other_task = own && own->name != model && same_backbone(own->name, model);
    return weights::import_file(file, {.model = other_task ? own->name : model, .imgsz = imgsz, .classes = {}});
  }
  return weights::read_model_file(file, {}, log).graph;
}

/// Weights that training can start from. Throws Error{config} for a quantized model, Error{data} for another one.
void require_start(const graph::Graph& given, const std::string& model, const fs::path& file) {
  if (graph::is_quantized(given)) {
    fail(ErrorKind::config,
         "[steps.start] expected float weights to start from, got the quantized model {}: start from "
         "the model that it was made of",
         file.string());
  }
  const auto own = given.metadata.find("model");
  if (own != given.metadata.end() && own->second != model && !same_backbone(own->second, model)) {
    fail(
        ErrorKind::config,
        "[steps.start] expected weights of {}, or of the model of the same size for another task, got those of {} ({})",
        model, own->second, file.string());
  }
}

bool has_batch_norm(const graph::Graph& graph) {
  return std::ranges::any_of(graph.nodes, [](const graph::Node& node) { return node.op == graph::Op::batch_norm; });
}

/// What became of the tensors of a new model.
struct Taken {
  int64_t whole = 0;  ///< taken over as they are
  int64_t rows = 0;   ///< of the head: rows of classes that both know
  int64_t initial = 0;
};

/// The place of each class of `to` in `from`; -1 for one that is new.
std::vector<int64_t> places_of(const std::vector<std::string>& to, const std::vector<std::string>& from) {
  std::vector<int64_t> places;
  std::set<int64_t> taken;
  for (const std::string& name : to) {
    const data::ClassMatch match = data::match_classes(from, {name});
    const int64_t place = match.by_number ? -1 : match.to_model.at(0);
    places.push_back(place >= 0 && taken.insert(place).second ? place : -1);
  }
  return places;
}

/// Rows of a head's tensor: blocks of `lead` rows that every class shares, then a row a class (a classifier, YOLOv8:
/// one block, lead 0; YOLOv5: a block an anchor, lead 5). True where the tensors have that form.
bool take_rows(const Tensor& from, Tensor& to, const std::vector<int64_t>& places, int64_t from_classes) {
  const auto to_classes = static_cast<int64_t>(places.size());
  if (from.dtype() != DType::f32 || to.dtype() != DType::f32 || from.shape().size() != to.shape().size()) return false;
  if (from.shape().empty() || !std::equal(from.shape().begin() + 1, from.shape().end(), to.shape().begin() + 1)) {
    return false;
  }
  int64_t lead = 0, blocks = 1;
  if (to.shape()[0] != to_classes || from.shape()[0] != from_classes) {
    lead = 5;
    blocks = to.shape()[0] / (lead + to_classes);
    if (blocks * (lead + to_classes) != to.shape()[0] || blocks * (lead + from_classes) != from.shape()[0])
      return false;
  }
  const auto source = from.values<float>();
  const auto target = to.mutable_values<float>();
  const size_t row = source.size() / static_cast<size_t>(from.shape()[0]);
  const auto copy = [&](int64_t from_row, int64_t to_row) {
    std::copy_n(source.begin() + static_cast<int64_t>(row) * from_row, row,
                target.begin() + static_cast<int64_t>(row) * to_row);
  };
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t from_first = block * (lead + from_classes), to_first = block * (lead + to_classes);
    for (int64_t i = 0; i < lead; ++i) copy(from_first + i, to_first + i);
    for (int64_t i = 0; i < to_classes; ++i) {
      if (places[static_cast<size_t>(i)] >= 0)
        copy(from_first + lead + places[static_cast<size_t>(i)], to_first + lead + i);
    }
  }
  return true;
}

/// Weights that have a row for each class: those of the layers that end the graph.
std::set<std::string> head_weights(const graph::Graph& graph) {
  std::set<std::string> names;
  for (const graph::Node& node : graph.nodes) {
    const bool last = std::ranges::any_of(
        node.outputs, [&](graph::EdgeId edge) { return std::ranges::count(graph.outputs, edge) > 0; });
    const bool boxes = node.name.find(".cv2.") != std::string::npos;  // YOLOv8's distances: no class has a row there
    if (last && !boxes) names.insert({node.name + ".weight", node.name + ".bias"});
  }
  return names;
}

Taken take_over(const graph::Graph& from, graph::Graph& to) {
  const std::vector<std::string> from_classes = models::class_names(from), to_classes = models::class_names(to);
  // A file that has numbers for names knows no others: as many classes are the same ones (models::require_fit).
  const bool numbers = from_classes.size() == to_classes.size() && !from_classes.empty() && from_classes[0] == "0";
  const bool same_names = from_classes == to_classes || from_classes.empty() || numbers;
  const std::vector<int64_t> places = places_of(to_classes, from_classes);
  const std::set<std::string> head = head_weights(to);
  Taken taken;
  for (auto& [name, weight] : to.weights) {
    const auto found = from.weights.find(name);
    if (found == from.weights.end() || found->second.value.dtype() != weight.value.dtype()) {
      ++taken.initial;
      continue;
    }
    const Tensor& given = found->second.value;
    if (head.contains(name) && !same_names &&
        take_rows(given, weight.value, places, static_cast<int64_t>(from_classes.size()))) {
      ++taken.rows;
    } else if (given.shape() == weight.value.shape()) {
      weight.value = given;
      ++taken.whole;
    } else {
      ++taken.initial;
    }
  }
  return taken;
}

std::string told(const Taken& taken, const graph::Graph& from, const graph::Graph& to, const fs::path& file) {
  std::string head;
  if (taken.rows > 0) {
    const std::vector<int64_t> places = places_of(models::class_names(to), models::class_names(from));
    const auto found = std::ranges::count_if(places, [](int64_t place) { return place >= 0; });
    head = fmt::format("; in the head {} of {} classes by name, the others start anew", found, places.size());
  }
  return fmt::format("{} of {} tensors from {}{}{}", taken.whole + taken.rows, to.weights.size(), file.string(), head,
                     taken.initial > 0 ? fmt::format("; {} tensors start anew", taken.initial) : std::string());
}

}  // namespace

graph::Graph read_start(const fs::path& file, const std::string& model, int imgsz, const LogSink& log) {
  graph::Graph given = read_weights(file, model, imgsz, log);
  require_start(given, model, file);
  return given;
}

Started start_from(const graph::Graph& given, graph::Graph fresh, const fs::path& file) {
  if (graph::input_normalization(given)) fresh = graph::normalize_input(std::move(fresh), {});  // values are taken over
  if (!has_batch_norm(given)) fresh = graph::fold_batch_norms(std::move(fresh));
  const Taken taken = take_over(given, fresh);
  if (taken.whole == 0) {
    const auto named = fresh.metadata.find("model");
    fail(ErrorKind::data, "[steps.start] expected weights of {} in {}, got none of its tensors",
         named == fresh.metadata.end() ? "the model" : named->second, file.string());
  }
  std::string text = told(taken, given, fresh, file);
  return {std::move(fresh), std::move(text)};
}

}  // namespace quench::steps
