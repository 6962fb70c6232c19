#include "weights/import.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/json.h"
#include "graph/passes.h"
#include "graph/verify.h"
#include "models/preparation.h"
#include "models/spec.h"
#include "onnx/document.h"
#include "weights/heads.h"
#include "weights/match.h"
#include "weights/onnx_import.h"

namespace quench::weights {
namespace {

namespace fs = std::filesystem;

constexpr size_t kShownProblems = 10;
constexpr int kStride = 32;  ///< the largest of all models that are imported

/// One import: checks first, collected, then the Graph.
class Import {
 public:
  Import(const Checkpoint& checkpoint, const ImportOptions& options, std::string_view where)
      : checkpoint_(checkpoint), options_(options), where_(where) {}

  graph::Graph run() {
    spec_ = options_.model.empty() ? matching_spec(checkpoint_.tensors, where_) : models::spec(options_.model);
    head_ = head_path(spec_);
    graph_ = built();
    require_activations();
    copy_weights();
    take_norms();
    compare_convolutions();
    check_constants();
    report();
    if (head_of(spec_.task).strides) check_strides();
    if (has_anchors(spec_)) take_anchors();
    take_preprocessing();
    graph_.metadata["source"] = where_;
    graph::verify(graph_);
    return std::move(graph_);
  }

 private:
  const Tensor* tensor(const std::string& name) const {
    const auto found = checkpoint_.tensors.find(name);
    return found == checkpoint_.tensors.end() ? nullptr : &found->second;
  }

  /// The model with weights that are to be replaced.
  graph::Graph built() {
    models::BuildOptions build;
    build.classes = classes();
    build.imgsz = options_.imgsz > 0 ? options_.imgsz : whole_strides(checkpoint_.preprocessing.imgsz);
    const auto stem = checkpoint_.convolutions.find("model.0.conv");
    if (stem != checkpoint_.convolutions.end() && stem->second.stride[0] == 1) build.stem_stride = 1;
    const Tensor* anchors = has_anchors(spec_) ? tensor(head_ + ".anchors") : nullptr;
    if (anchors && anchors->shape().size() == 3) resize_anchors(anchors->shape());
    graph::Graph graph = models::build(spec_, build);
    folded_ = std::ranges::none_of(checkpoint_.tensors, [](const auto& named) {
      return named.first.ends_with(".bn.weight") || named.first.ends_with(".bn.running_var");
    });
    return folded_ ? graph::fold_batch_norms(std::move(graph)) : graph;
  }

  /// A size that the file says, as a multiple of the models' stride: as Ultralytics rounds it.
  static int whole_strides(int imgsz) { return (imgsz + kStride - 1) / kStride * kStride; }

  void take_preprocessing() {
    const Preprocessing& given = checkpoint_.preprocessing;
    if (given.normalization) graph_ = graph::normalize_input(std::move(graph_), *given.normalization);
    models::set_preparation(graph_, given.pictures);
    if (!given.differences.empty()) {
      graph_.metadata["preprocessing_differs"] = fmt::format("{}", fmt::join(given.differences, "; "));
    }
  }

  std::vector<std::string> classes() const {
    const int64_t count = class_count(spec_, checkpoint_.tensors, where_);
    const std::vector<std::string>& given = options_.classes.empty() ? checkpoint_.classes : options_.classes;
    if (!given.empty()) {
      if (static_cast<int64_t>(given.size()) != count) {
        fail(options_.classes.empty() ? ErrorKind::data : ErrorKind::config,
             "[weights.import] expected {} class names, as the head of {} has classes, got {} ({})", count, spec_.name,
             given.size(), where_);
      }
      require_utf8(given);
      return given;
    }
    std::vector<std::string> numbers;
    for (int64_t i = 0; i < count; ++i) numbers.push_back(std::to_string(i));
    return numbers;
  }

  void require_utf8(const std::vector<std::string>& names) const {
    try {
      Json(names).dump();
    } catch (const Json::type_error&) {
      fail(ErrorKind::data, "[weights.import] expected class names in UTF-8, got other bytes ({})", where_);
    }
  }

  /// Another number of anchors a level than the published one makes other heads; their sizes follow later.
  void resize_anchors(const Shape& shape) {
    if (shape[0] != static_cast<int64_t>(spec_.rows.back().args.size()) || shape[1] < 1 || shape[1] > 1000) return;
    for (models::Argument& level : spec_.rows.back().args) {
      std::get<std::vector<int64_t>>(level).resize(static_cast<size_t>(2 * shape[1]), 1);
    }
  }

  void require_activations() const {
    for (const auto& [path, name] : checkpoint_.activations) {
      if (name != "SiLU") {
        fail(ErrorKind::unsupported, "[weights.import] expected SiLU, as {} has, got {} ({} of {})", spec_.name, name,
             path, where_);
      }
    }
  }

  void copy_weights() {
    for (auto& [name, weight] : graph_.weights) {
      const Tensor* given = tensor(name);
      const Tensor& wanted = weight.value;
      if (!given) {
        problems_.push_back(fmt::format("{} {} is missing", name, to_string(wanted.shape())));
      } else if (given->shape() != wanted.shape() || given->dtype() != wanted.dtype()) {
        problems_.push_back(fmt::format("{} is {} {} instead of {} {}", name, to_string(given->dtype()),
                                        to_string(given->shape()), to_string(wanted.dtype()),
                                        to_string(wanted.shape())));
      } else {
        weight.value = *given;
      }
    }
    for (const auto& [name, tensor] : checkpoint_.tensors) {
      if (!graph_.weights.contains(name) && !is_constant(name)) {
        problems_.push_back(fmt::format("{} {} is too many", name, to_string(tensor.shape())));
      }
    }
  }

  /// Tensors that released files hold and that are no weights. `total_*` are left by a tool that counts operations.
  bool is_constant(const std::string& name) const {
    for (const char* ending : {".num_batches_tracked", ".total_ops", ".total_params"}) {
      if (name.ends_with(ending)) return true;
    }
    if (name == "total_ops" || name == "total_params") return true;
    if (has_anchors(spec_)) return name == head_ + ".anchors" || name == head_ + ".anchor_grid";
    const std::vector<std::string>& constants = head_of(spec_.task).constants;
    return std::ranges::any_of(constants, [&](const std::string& constant) { return name == head_ + constant; });
  }

  void take_norms() {
    for (graph::Node& node : graph_.nodes) {
      if (node.op != graph::Op::batch_norm) continue;
      const auto found = checkpoint_.norms.find(node.name);
      if (found != checkpoint_.norms.end()) node.attributes = found->second;
    }
  }

  /// Weights alone do not tell a stride or a padding.
  void compare_convolutions() {
    for (const graph::Node& node : graph_.nodes) {
      if (node.op != graph::Op::conv) continue;
      const auto found = checkpoint_.convolutions.find(node.name);
      if (found != checkpoint_.convolutions.end() && found->second != node.as<graph::ConvAttributes>()) {
        problems_.push_back(fmt::format("{} has another kernel, stride, padding, dilation or groups", node.name));
      }
    }
  }

  /// DFL takes the expectation of the bins 0, 1, ..., reg_max - 1 by a convolution with just these numbers.
  void check_constants() {
    const std::string name = head_ + ".dfl.conv.weight";
    const Tensor* bins = tensor(name);
    if (!bins || !is_constant(name)) return;
    bool counts = bins->dtype() == DType::f32 && std::to_string(bins->size()) == graph_.metadata.at("reg_max");
    for (int64_t i = 0; counts && i < bins->size(); ++i) {
      counts = bins->values<float>()[static_cast<size_t>(i)] == static_cast<float>(i);
    }
    if (!counts) problems_.push_back(fmt::format("{} is not 0, 1, 2, ...", name));
  }

  void report() const {
    if (problems_.empty()) return;
    const size_t shown = std::min(problems_.size(), kShownProblems);
    const std::string more =
        shown < problems_.size() ? fmt::format("; and {} more", problems_.size() - shown) : std::string();
    fail(ErrorKind::data, "[weights.import] expected the {} tensors of {}{}, got {} differences: {}{} ({})",
         graph_.weights.size(), spec_.name, folded_ ? " with batch norm folded" : "", problems_.size(),
         fmt::join(problems_.begin(), problems_.begin() + static_cast<std::ptrdiff_t>(shown), "; "), more, where_);
  }

  std::vector<double> strides() const {
    return parse_json(graph_.metadata.at("strides"), "metadata 'strides'").get<std::vector<double>>();
  }

  void check_strides() const {
    if (checkpoint_.strides.empty() || checkpoint_.strides == strides()) return;
    fail(ErrorKind::data, "[weights.import] expected strides [{}], as {} has, got [{}] ({})", fmt::join(strides(), ","),
         spec_.name, fmt::join(checkpoint_.strides, ","), where_);
  }

  /// The file has anchors in units of their level's stride, [levels, anchors, 2].
  void take_anchors() {
    const Tensor* anchors = tensor(head_ + ".anchors");
    if (!anchors) return;  // those of the spec stay
    const std::vector<double> levels = strides();
    const Shape& shape = anchors->shape();
    const auto wrong = [&](const std::string& got) {
      fail(ErrorKind::data, "[weights.import] expected anchors [{},A,2] above 0, got {} ({}.anchors of {})",
           levels.size(), got, head_, where_);
    };
    if (anchors->dtype() != DType::f32 || shape.size() != 3 || shape[0] != static_cast<int64_t>(levels.size()) ||
        shape[2] != 2 || shape[1] < 1) {
      wrong(to_string(shape));
    }
    Json all = Json::array();
    const auto per_level = static_cast<size_t>(2 * shape[1]);
    for (size_t level = 0; level < levels.size(); ++level) {
      Json sizes = Json::array();
      for (const float relative : anchors->values<float>().subspan(level * per_level, per_level)) {
        const double pixels = relative * levels[level];
        if (!(pixels > 0 && pixels < 1e6)) wrong(std::to_string(pixels));
        if (pixels == std::floor(pixels)) {
          sizes.push_back(static_cast<int64_t>(pixels));
        } else {
          sizes.push_back(pixels);
        }
      }
      all.push_back(std::move(sizes));
    }
    graph_.metadata["anchors"] = all.dump();
  }

  const Checkpoint& checkpoint_;
  const ImportOptions& options_;
  std::string where_;
  models::Spec spec_;
  std::string head_;
  graph::Graph graph_;
  bool folded_ = false;
  std::vector<std::string> problems_;
};

}  // namespace

graph::Graph import_checkpoint(const Checkpoint& checkpoint, const ImportOptions& options, std::string_view where) {
  return Import(checkpoint, options, where).run();
}

graph::Graph import_file(const std::filesystem::path& path, const ImportOptions& options) {
  const std::string bytes = read_file(path);
  const std::string name = path.filename().string();
  const onnx::Origin origin = onnx::origin_of(bytes);
  if (origin == onnx::Origin::quench) {
    fail(ErrorKind::config, "[weights.import] expected a file of another tool, got a model of quench's own ({})", name);
  }
  const bool is_onnx = origin != onnx::Origin::no_onnx || path.extension() == ".onnx";
  graph::Graph graph = is_onnx ? import_onnx(bytes, fs::absolute(path).parent_path(), options, name)
                               : import_checkpoint(read_checkpoint(bytes, name), options, name);
  graph.metadata["source_sha256"] = sha256_hex(bytes);
  return graph;
}

}  // namespace quench::weights
