#include "weights/onnx_import.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/json.h"
#include "core/printable.h"
#include "graph/passes.h"
#include "graph/shape_inference.h"
#include "graph/verify.h"
#include "models/no_task.h"
#include "models/preparation.h"
#include "onnx/document.h"
#include "onnx/raw_graph.h"
#include "weights/decoding_tail.h"
#include "weights/graph_match.h"
#include "weights/heads.h"
#include "weights/match.h"
#include "weights/network_spec.h"
#include "weights/onnx_names.h"

namespace quench::weights {
namespace {

using graph::EdgeId;
using graph::Graph;
using graph::Op;

constexpr int kLargestStride = 32;  ///< the largest of all models that are matched
constexpr int64_t kRegMax = 16;     ///< bins of a side's distribution, of all released heads without anchors
constexpr size_t kDescription = 120;

int64_t norm_count(const Graph& graph) { return std::ranges::count(graph.nodes, Op::batch_norm, &graph::Node::op); }

class OnnxImport {
 public:
  OnnxImport(std::string_view bytes, const std::filesystem::path& folder, const ImportOptions& options,
             std::string_view where)
      : options_(options), where_(where), document_(onnx::read_document(bytes, folder)) {
    auto [height, width] = size_of_literal(text("imgsz"));
    if (options.imgsz > 0) height = width = options.imgsz;
    raw_ = onnx::read_raw_graph(document_, height, width);
    if (const auto names = names_of_literal(text("names"))) names_ = *names;
    if (!options.classes.empty()) names_ = options.classes;
    if (document_.reduced) notes_.emplace_back("float16 became float32");
  }

  Graph run() {
    heads_ = raw_heads(raw_.graph);
    std::vector<models::Spec> specs = candidate_specs(raw_.graph);
    if (!options_.model.empty()) specs = {models::spec(options_.model)};
    for (const models::Spec& spec : specs) {
      if (matches(spec)) return finished();
    }
    if (!options_.model.empty()) {
      fail(ErrorKind::data, "[weights.onnx] expected the network of {}, got another ({})", options_.model, where_);
    }
    return as_it_is();
  }

 private:
  std::string text(const std::string& key) const {
    const auto found = document_.metadata.find(key);
    return found == document_.metadata.end() ? std::string() : found->second;
  }

  int64_t side(size_t axis) const { return raw_.graph.edge(raw_.graph.inputs[0]).shape[axis]; }

  // Matching.

  /// What the head may be by the channels of an output.
  struct Head {
    int64_t classes = 0, anchors = 0;
    auto operator<=>(const Head&) const = default;
  };

  std::set<Head> possible_heads(const models::Spec& spec) const {
    std::set<Head> out;
    bool has_bins = false;
    for (const EdgeId head : heads_) {
      const int64_t channels = raw_.graph.edge(head).shape.at(1);
      const auto named = static_cast<int64_t>(names_.size());
      if (!head_of(spec.task).strides) {
        out.insert({channels, 0});
      } else if (has_anchors(spec)) {
        int64_t anchors =
            static_cast<int64_t>(std::get<std::vector<int64_t>>(spec.rows.back().args.front()).size()) / 2;
        if (named > 0 && channels % (5 + named) == 0) anchors = channels / (5 + named);
        if (channels % anchors == 0) out.insert({channels / anchors - 5, anchors});
      } else {
        has_bins |= channels == 4 * kRegMax;
        out.insert({channels, 0});
      }
    }
    if (head_of(spec.task).strides && !has_anchors(spec) && !has_bins) return {};
    std::erase_if(out, [](const Head& head) { return head.classes < 1 || head.classes > 30'000; });
    return out;
  }

  models::Spec with_anchors(models::Spec spec) const {
    if (anchors_ == 0) return spec;
    for (models::Argument& level : spec.rows.back().args) {
      std::get<std::vector<int64_t>>(level).resize(static_cast<size_t>(2 * anchors_), 1);
    }
    return spec;
  }

  bool matches(const models::Spec& wanted) {
    const std::set<Head> heads = possible_heads(wanted);
    return std::ranges::any_of(heads, [&](const Head& head) { return matches(wanted, head); });
  }

  bool matches(const models::Spec& wanted, const Head& head) {
    classes_ = head.classes;
    anchors_ = head.anchors;
    const models::Spec spec = with_anchors(wanted);
    models::BuildOptions build;
    for (int64_t i = 0; i < classes_; ++i) build.classes.push_back(std::to_string(i));
    const auto first = std::ranges::find(raw_.graph.nodes, Op::conv, &graph::Node::op);
    build.stem_stride = first->as<graph::ConvAttributes>().stride[0] == 1 ? 1 : 2;
    graph_ = models::build(spec, build);
    Graph network = raw_.graph;
    if (const int64_t norms = norm_count(network); norms != norm_count(graph_)) {
      if (norms > 0) network = graph::fold_batch_norms(std::move(network));
      graph_ = graph::fold_batch_norms(std::move(graph_));
    }
    std::vector<EdgeId> heads = heads_;
    if (network.edges.size() != raw_.graph.edges.size()) heads = raw_heads(network);
    std::optional<GraphMatch> match = match_graph(graph_, network, heads);
    if (!match) return false;
    spec_ = spec;
    take_weights(network, *match);
    for (const EdgeId head : match->heads) {
      head_names_.push_back(network.edge(head).name);
      head_shapes_.push_back(network.edge(head).shape);
    }
    return true;
  }

  void take_weights(const Graph& network, const GraphMatch& match) {
    for (const auto& [own, given] : match.nodes) {
      graph::Node& node = graph_.nodes[own];
      const graph::Node& from = network.nodes[given];
      if (node.op == Op::batch_norm) {
        auto attributes = node.as<graph::BatchNormAttributes>();  // the momentum stays: ONNX rounds 1 minus it
        attributes.epsilon = from.as<graph::BatchNormAttributes>().epsilon;
        node.attributes = attributes;
      }
      for (const char* role : {"weight", "bias", "running_mean", "running_var"}) {
        graph::Weight* weight = graph_.weight(node, role);
        if (weight == nullptr) continue;
        const graph::Weight* value = network.weight(from, role);
        weight->value = value ? value->value : Tensor(DType::f32, weight->value.shape());
      }
    }
  }

  // What else the file says.

  Graph finished() {
    take_classes();
    if (head_of(spec_.task).strides) take_tail();
    const auto whole = [](int64_t side) { return (side + kLargestStride - 1) / kLargestStride * kLargestStride; };
    int64_t height = side(2), width = side(3);
    if (options_.imgsz > 0) height = width = options_.imgsz;
    if (options_.imgsz == 0 && (whole(height) != height || whole(width) != width)) {
      notes_.push_back(fmt::format("images of {} x {} pixels become {} x {}: sides are multiples of {}", height, width,
                                   whole(height), whole(width), kLargestStride));
      height = whole(height);
      width = whole(width);
    }
    graph_ = graph::with_image_size(std::move(graph_), height, width);
    if (text("author") == "Ultralytics" && !head_of(spec_.task).strides) {
      models::set_preparation(graph_, {.resampling = pixels::Resampling::bilinear_antialias});  // of its `predict`
    }
    if (spec_.family == "yolov5" && !head_of(spec_.task).strides) {
      notes_.emplace_back(
          "YOLOv5's own classifiers take images normalised by ImageNet's means, which the file does not say and quench "
          "does not do");
    }
    return named();
  }

  void take_classes() {
    if (!options_.classes.empty() && static_cast<int64_t>(names_.size()) != classes_) {
      fail(ErrorKind::config, "[weights.onnx] expected {} class names, as the head of {} has classes, got {} ({})",
           classes_, spec_.name, names_.size(), where_);
    }
    if (static_cast<int64_t>(names_.size()) == classes_) graph_.metadata["classes"] = Json(names_).dump();
  }

  void take_tail() {
    const DecodingTail tail = read_tail(document_, raw_, graph_, head_names_, head_shapes_);
    if (!tail.anchors.empty()) {
      graph_.metadata["anchors"] = json_of(tail.anchors).dump();
    } else if (anchors_ > 0) {
      notes_.emplace_back("the file has no anchors: those of the released models are taken");
    }
    if (!tail.reason.empty()) {
      notes_.push_back(
          "what stands behind its raw outputs was left out without being compared with quench's own "
          "decoding: " +
          tail.reason);
    }
  }

  static Json json_of(const std::vector<std::vector<double>>& anchors) {
    Json all = Json::array();
    for (const std::vector<double>& level : anchors) {
      Json& sizes = all.emplace_back(Json::array());
      for (const double size : level) {
        if (size == static_cast<double>(static_cast<int64_t>(size))) {
          sizes.push_back(static_cast<int64_t>(size));
        } else {
          sizes.push_back(size);
        }
      }
    }
    return all;
  }

  // Networks that are none of ours.

  Graph as_it_is() {
    if (!raw_.unheld.empty() || raw_.graph.outputs.empty()) {
      const std::string described = text("description");
      fail(
          ErrorKind::unsupported,
          "[weights.onnx] expected YOLOv5, YOLOv5u or YOLOv8, or a network of operators that quench has, got {}{} ({})",
          described.empty() ? "" : "'" + printable_line(described.substr(0, kDescription)) + "' with ",
          onnx::unheld_text(raw_), where_);
    }
    graph_ = raw_.graph;
    if (options_.imgsz > 0 && (side(2) != options_.imgsz || side(3) != options_.imgsz)) {
      graph_ = graph::with_image_size(std::move(graph_), options_.imgsz, options_.imgsz);
    }
    graph_.metadata["task"] = models::kNoTask;
    graph_.metadata["model"] = std::filesystem::path(where_).stem().string();
    const Shape& shape = graph_.edge(graph_.inputs[0]).shape;
    graph_.metadata["imgsz"] =
        shape[2] == shape[3] ? std::to_string(shape[2]) : fmt::format("{}x{}", shape[2], shape[3]);
    notes_.emplace_back(
        "its network is none that quench knows, so nothing is known of what its outputs mean (task: none); it gets RGB "
        "from 0 to 1");
    return named();
  }

  Graph named() {
    graph_.metadata["source"] = where_;
    for (const char* key : {"description", "license"}) {
      if (const std::string said = text(key); !said.empty()) {
        graph_.metadata[std::string("source_") + key] = printable_line(said);
      }
    }
    if (!notes_.empty()) graph_.metadata["import_notes"] = fmt::format("{}", fmt::join(notes_, "; "));
    graph::verify(graph_);
    return std::move(graph_);
  }

  const ImportOptions& options_;
  std::string where_;
  onnx::Document document_;
  onnx::RawGraph raw_;
  std::vector<EdgeId> heads_;
  std::vector<std::string> names_;
  int64_t classes_ = 0, anchors_ = 0;
  models::Spec spec_;
  Graph graph_;
  std::vector<std::string> head_names_;
  std::vector<Shape> head_shapes_;
  std::vector<std::string> notes_;
};

}  // namespace

Graph import_onnx(std::string_view bytes, const std::filesystem::path& folder, const ImportOptions& options,
                  std::string_view where) {
  try {
    return OnnxImport(bytes, folder, options, where).run();
  } catch (const Error& error) {
    const std::string message = error.what();
    if (message.find(where) != std::string::npos) throw;
    fail(error.kind(), "{}: {}", where, message);
  }
}

}  // namespace quench::weights
