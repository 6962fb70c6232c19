#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/json.h"
#include "core/task.h"
#include "graph/shape_inference.h"
#include "graph/verify.h"
#include "models/modules.h"
#include "models/spec.h"

namespace quench::models {
namespace {

constexpr int64_t kChannelMultiple = 8;
constexpr int64_t kMaxStride = 1024;

/// Expands one Spec; holds what its rows have made so far.
class Expansion {
 public:
  Expansion(const Spec& spec, const BuildOptions& options)
      : spec_(spec), options_(options), net_(graph_, options.seed) {
    class_names_ = options.classes;
    if (class_names_.empty()) {
      for (int i = 0; i < require_task(spec.task, "[models]").classes; ++i) class_names_.push_back(std::to_string(i));
    }
  }

  graph::Graph run() {
    const int64_t imgsz = options_.imgsz == 0 ? spec_.default_imgsz : options_.imgsz;
    if (imgsz < 1) fail(ErrorKind::config, "[models] expected imgsz of at least 1, got {}", imgsz);
    if (options_.stem_stride != 1 && options_.stem_stride != 2) {
      fail(ErrorKind::config, "[models] expected stem_stride 1 or 2, got {}", options_.stem_stride);
    }
    if (spec_.rows.empty()) fail(ErrorKind::config, "[models] expected rows in {}, got none", spec_.name);

    images_ = net_.images(imgsz);
    for (row_ = 0; row_ < static_cast<int>(spec_.rows.size()); ++row_) {
      const Row& row = spec_.rows[row_];
      if (head_) fail_row("a head as the last row");
      made_.push_back(module(row));
      max_stride_ = std::max(max_stride_, made_.back().stride);
      if (max_stride_ > kMaxStride) fail_row("a stride of at most 1024");
    }
    if (imgsz % max_stride_ != 0) {
      fail(ErrorKind::config, "[models] expected imgsz as a multiple of {}'s stride {}, got {} (nearest: {})",
           spec_.name, max_stride_, imgsz, std::max<int64_t>(1, (imgsz + max_stride_ / 2) / max_stride_) * max_stride_);
    }
    if (graph_.outputs.empty()) graph_.outputs.push_back(made_.back().edge);
    set_metadata(imgsz);
    graph::infer_shapes(graph_);
    graph::verify(graph_);
    return std::move(graph_);
  }

 private:
  Value module(const Row& row) {
    if (row.repeats < 1) fail_row("repeats of at least 1");
    const std::string name = fmt::format("model.{}", row_);
    const std::vector<Value> from = inputs(row);
    if (row.module == "Concat") return net_.concat(name, from);
    if (row.module == "Detect") return detect(row, name, from);
    if (from.size() != 1) fail_row("one input");
    const Value& x = from.front();
    if (row.module == "C3") return c3(net_, name, x, channels(row), repeats(row), integer(row, 1, 1) != 0);
    if (row.module == "C2f") return c2f(net_, name, x, channels(row), repeats(row), integer(row, 1, 0) != 0);
    if (row.repeats != 1) fail_row("one repeat of this module");
    if (row.module == "Conv") {
      const int64_t stride = integer(row, 2, 1);
      return net_.conv_block(name, x,
                             {channels(row), integer(row, 1, 1),
                              row_ == 0 && stride == 2 ? options_.stem_stride : stride, integer(row, 3, -1)});
    }
    if (row.module == "SPPF") return sppf(net_, name, x, channels(row), integer(row, 1, 5));
    if (row.module == "Upsample") return net_.upsample(name, x, integer(row, 0, 2));
    if (row.module == "Classify") {
      head_ = true;
      return classify(net_, name, x, integer(row, 0, 1280), class_count());
    }
    fail_row("Conv, C3, C2f, SPPF, Upsample, Concat, Classify or Detect");
  }

  Value detect(const Row& row, const std::string& name, const std::vector<Value>& levels) {
    head_ = true;
    std::vector<Value> outputs;
    if (!row.args.empty() && std::holds_alternative<int64_t>(row.args[0])) {
      const int64_t reg_max = integer(row, 0, 16);
      outputs = anchor_free_detect(net_, name, levels, reg_max, class_count());
      graph_.metadata["reg_max"] = std::to_string(reg_max);
    } else {
      Json anchors = Json::array();
      for (const Argument& argument : row.args) {
        const auto* level = std::get_if<std::vector<int64_t>>(&argument);
        if (!level || level->empty() || level->size() % 2 != 0) fail_row("a list of anchor widths and heights a level");
        anchors.push_back(*level);
      }
      if (anchors.size() != levels.size()) fail_row("as many anchor lists as levels");
      for (const Json& level : anchors) {
        if (level.size() != anchors[0].size()) fail_row("as many anchors on each level");
      }
      outputs = anchor_detect(net_, name, levels, static_cast<int64_t>(anchors[0].size()) / 2, class_count());
      graph_.metadata["anchors"] = anchors.dump();
    }
    Json strides = Json::array();
    for (const Value& level : levels) strides.push_back(level.stride);
    graph_.metadata["strides"] = strides.dump();
    for (const Value& output : outputs) graph_.outputs.push_back(output.edge);
    return outputs.back();
  }

  std::vector<Value> inputs(const Row& row) const {
    std::vector<Value> values;
    for (int from : row.from) {
      const int index = from == -1 ? row_ - 1 : from;
      if (index >= row_ || index < -1 || (index == -1 && row_ > 0)) fail_row("inputs from rows above");
      values.push_back(index == -1 ? images_ : made_[index]);
    }
    if (values.empty()) fail_row("an input");
    return values;
  }

  /// Argument 0 as output channels: capped, scaled by width and rounded up to a multiple of 8.
  int64_t channels(const Row& row) const {
    const double scaled = static_cast<double>(std::min(integer(row, 0, 0), spec_.max_channels)) * spec_.width;
    if (!(scaled > 0 && scaled < 1e6)) fail_row("output channels in (0, 1e6)");
    return static_cast<int64_t>(std::ceil(scaled / kChannelMultiple)) * kChannelMultiple;
  }

  /// Repeats scaled by depth; a single one stays.
  int repeats(const Row& row) const {
    if (row.repeats == 1) return 1;
    const double scaled = std::nearbyint(row.repeats * spec_.depth);
    if (!(scaled < 1000)) fail_row("less than 1000 repeats");
    return std::max(1, static_cast<int>(scaled));
  }

  int64_t integer(const Row& row, size_t index, int64_t otherwise) const {
    if (index >= row.args.size()) return otherwise;
    if (const auto* value = std::get_if<int64_t>(&row.args[index])) return *value;
    fail_row("an integer argument");
  }

  int64_t class_count() const { return static_cast<int64_t>(class_names_.size()); }

  void set_metadata(int64_t imgsz) {
    std::map<std::string, std::string>& meta = graph_.metadata;
    meta["task"] = spec_.task;
    meta["family"] = spec_.family;
    meta["model"] = spec_.name;
    meta["imgsz"] = std::to_string(imgsz);
    meta["stem_stride"] = std::to_string(options_.stem_stride);
    meta["stride"] = std::to_string(max_stride_);
    if (!meta.contains("strides")) meta["strides"] = fmt::format("[{}]", max_stride_);
    try {
      meta["classes"] = Json(class_names_).dump();
    } catch (const Json::type_error&) {
      fail(ErrorKind::config, "[models] expected class names in UTF-8, got other bytes");
    }
  }

  [[noreturn]] void fail_row(const char* expected) const {
    fail(ErrorKind::config, "[models] expected {}, got something else (row {} '{}' of {})", expected, row_,
         spec_.rows[row_].module, spec_.name);
  }

  const Spec& spec_;
  const BuildOptions& options_;
  graph::Graph graph_;
  Network net_;
  std::vector<std::string> class_names_;
  Value images_;
  std::vector<Value> made_;
  int row_ = 0;
  bool head_ = false;
  int64_t max_stride_ = 1;
};

}  // namespace

graph::Graph build(const Spec& spec, const BuildOptions& options) { return Expansion(spec, options).run(); }

graph::Graph build(const std::string& name, const BuildOptions& options) { return build(spec(name), options); }

}  // namespace quench::models
