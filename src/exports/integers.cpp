#include "exports/integers.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/json_text.h"
#include "graph/quantized.h"
#include "runtime/native/dyadic.h"
#include "runtime/native/kernels.h"
#include "runtime/native/native.h"
#include "runtime/native/pack.h"
#include "runtime/native/program.h"
#include "runtime/native/silu_terms.h"

namespace quench::exports {
namespace {

namespace fs = std::filesystem;
namespace native = runtime::native;
using native::Instruction;
using native::Kind;
using native::Program;
using native::Step8;

static_assert(std::endian::native == std::endian::little, "arrays are written as they lie in memory");

/// The edge that a value of bytes is, or -1: what is on another step than its edge is a passage, and cannot be asked
/// for.
graph::EdgeId edge_of(const graph::Graph& graph, const native::Value& value) {
  for (size_t i = 0; i < graph.edges.size(); ++i) {
    const graph::Edge& edge = graph.edges[i];
    if (edge.name != value.name || !edge.quant || edge.quant->scale.size() != 1) continue;
    const int32_t shift = edge.quant->dtype == DType::i8 ? 128 : 0;
    const bool same =
        edge.quant->scale[0] == value.step.scale && edge.quant->zero_point[0] + shift == value.step.zero_point;
    return same ? static_cast<graph::EdgeId>(i) : -1;
  }
  return -1;
}

/// The integers of a program's values for one image, by value. Each is asked for as an output of the model: a float, of
/// which scale and zero point give the integer again.
std::map<int, Tensor> traced(const graph::ModelFile& model, const Program& program, const Tensor& image,
                             std::vector<Tensor>& outputs) {
  graph::ModelFile wide = model;
  const size_t own = wide.graph.outputs.size();
  std::vector<int> asked;
  for (size_t i = 0; i < program.values.size(); ++i) {
    const native::Value& value = program.values[i];
    if (!value.is_u8 || static_cast<int>(i) == program.input) continue;
    const graph::EdgeId edge = edge_of(model.graph, value);
    if (edge < 0) continue;
    asked.push_back(static_cast<int>(i));
    wide.graph.outputs.push_back(edge);
  }
  const auto layers = [](const Program& of) {
    std::vector<std::pair<Kind, std::string>> list;
    for (const Instruction& each : of.instructions) {
      if (each.kind != Kind::dequantize) list.emplace_back(each.kind, each.name);
    }
    return list;
  };
  ensure(layers(native::lower(wide.graph)) == layers(program),
         "[exports.integers] asking for values changed the layers");
  const auto session = runtime::native_runtime()->load(wide, {});
  std::vector<Tensor> made = session->run(image);
  std::map<int, Tensor> integers;
  for (size_t k = 0; k < asked.size(); ++k) {
    const native::Value& value = program.values[static_cast<size_t>(asked[k])];
    const auto floats = made[own + k].values<float>();
    Tensor q(DType::u8, {value.channels, value.height, value.width});
    for (size_t i = 0; i < floats.size(); ++i) {
      q.mutable_values<uint8_t>()[i] =
          static_cast<uint8_t>(std::lround(floats[i] / value.step.scale) + value.step.zero_point);
    }
    integers[asked[k]] = q;
  }
  integers[program.input] = image.reshaped({image.shape()[1], image.shape()[2], image.shape()[3]});
  made.resize(own);
  outputs = std::move(made);
  return integers;
}

class IntegerWriter {
 public:
  IntegerWriter(const graph::ModelFile& model, Program program, fs::path folder)
      : model_(model), program_(std::move(program)), folder_(std::move(folder)) {}

  void write(const Tensor& image, const std::string& source) {
    std::vector<Tensor> outputs;
    values_ = traced(model_, program_, image, outputs);
    Json index{{"format", "quench-integers"},
               {"version", 1},
               {"model_sha256", model_.sha256},
               {"image", source},
               {"byte_order", "little"},
               {"requantization", program_.dyadic ? "dyadic" : "float"},
               {"silu", silu()}};
    for (const char* key : {"model", "task", "bits_w", "bits_a", "preparation"}) {
      if (const auto found = model_.graph.metadata.find(key); found != model_.graph.metadata.end()) {
        index[key] = found->second;
      }
    }
    for (size_t i = 0; i < program_.values.size(); ++i) index["values"].push_back(value(static_cast<int>(i)));
    for (const Instruction& each : program_.instructions) {
      if (each.kind != Kind::load) index["layers"].push_back(layer(each));
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      const std::string& name = model_.graph.edge(model_.graph.outputs[i]).name;
      index["outputs"].push_back({{"name", name},
                                  {"value", program_.outputs[i].value},
                                  {"array", array(fmt::format("output{}", i), outputs[i])}});
    }
    write_file(folder_ / "index.json", json_text(index, 1) + "\n");
  }

 private:
  static Json silu() {
    Json terms = Json::array();
    for (const float term : native::kSiluTerms) terms.push_back(double{term});
    return {{"least", double{native::kSiluLeast}}, {"terms", terms}};
  }

  /// Writes values in the order in which they lie in memory; what the index says of them.
  Json array(const std::string& name, const Tensor& tensor) {
    const std::string file = name + ".bin";
    write_file(folder_ / file, {reinterpret_cast<const char*>(tensor.bytes()), tensor.size_bytes()});
    return {{"file", file}, {"dtype", std::string(to_string(tensor.dtype()))}, {"shape", tensor.shape()}};
  }

  Json value(int id) {
    const native::Value& v = program_.values[static_cast<size_t>(id)];
    Json out{{"name", v.name}, {"shape", {v.channels, v.height, v.width}}, {"dtype", v.is_u8 ? "uint8" : "float32"}};
    if (v.is_u8) {
      out["scale"] = double{v.step.scale};
      out["zero_point"] = v.step.zero_point;
      const auto found = values_.find(id);
      out["array"] = found == values_.end() ? Json() : array(fmt::format("value{}", id), found->second);
    }
    return out;
  }

  static Json bounds(const Step8& step) {
    return {{"zero_point", step.zero_point}, {"low", step.low}, {"high", step.high}};
  }

  Json layer(const Instruction& each) {
    Json out{{"name", each.name},
             {"kind", native::to_string(each.kind)},
             {"inputs", each.inputs},
             {"outputs", each.outputs}};
    if (const auto* pool = std::get_if<graph::PoolAttributes>(&each.attributes)) {
      out.update({{"kernel", pool->kernel}, {"stride", pool->stride}, {"padding", pool->padding}});
    }
    if (const auto* upsample = std::get_if<graph::UpsampleAttributes>(&each.attributes))
      out["factor"] = upsample->factor;
    if (each.kind == Kind::conv_u8) convolution(each, out);
    if (each.kind == Kind::add_u8) sum(each, out);
    if (each.kind == Kind::average) average(each, out);
    if (each.table) {
      out["table"] =
          array(next("table"), Tensor::from(std::vector<uint8_t>(each.table->begin(), each.table->end()), {256}));
    }
    return out;
  }

  void convolution(const Instruction& each, Json& out) {
    const auto& conv = std::get<graph::ConvAttributes>(each.attributes);
    out.update({{"kernel", conv.kernel},
                {"stride", conv.stride},
                {"padding", conv.padding},
                {"dilation", conv.dilation},
                {"groups", conv.groups},
                {"weight", array(next("weight"), each.weight)},
                {"weight_scale", array(next("weight_scale"), Tensor::from(each.weight_scale, each.bias.shape()))},
                {"bias", array(next("bias"), each.bias)}});
    const native::Value &in = program_.values[static_cast<size_t>(each.inputs[0])],
                        &made = program_.values[static_cast<size_t>(each.outputs[0])];
    // The engine's own constants, as it computes them when it loads the model.
    const native::PackedU8 packed =
        native::pack_u8(each, in, made, *native::kernels_for(native::Isa::plain), 0, each.weight.shape()[0], false);
    const auto all = [&](const auto& constants) {
      std::vector<std::remove_cvref_t<decltype(*constants.data())>> values(constants.data(),
                                                                           constants.data() + each.weight.shape()[0]);
      return Tensor::from(values, each.bias.shape());
    };
    Json& change = out["requantize"] = made.is_u8 ? bounds(each.step) : Json::object();
    if (each.dyadic) {
      change["by"] = "dyadic";
      change["multiplier"] = array(next("multiplier"), all(packed.dyadic));
      change["shift"] = array(next("shift"), all(packed.shift));
      return;
    }
    const bool silu = each.activation == graph::Activation::silu;
    change["by"] = !made.is_u8 ? "none" : silu ? "silu" : "float";
    if (!made.is_u8) change["activation"] = graph::to_string(each.activation);
    if (made.is_u8 && silu) change["steps"] = double{static_cast<float>(1.0 / each.step.scale)};
    change["factor"] = array(next("factor"), all(packed.multiplier));
  }

  double scale_of(int id) const { return program_.values[static_cast<size_t>(id)].step.scale; }

  void sum(const Instruction& each, Json& out) const {
    const double a = scale_of(each.inputs[0]) / each.step.scale, b = scale_of(each.inputs[1]) / each.step.scale;
    Json& change = out["requantize"] = bounds(each.step);
    if (each.dyadic) {
      const native::DyadicPair pair = native::dyadic_pair(a, b, each.name);
      change.update({{"by", "dyadic"}, {"multipliers", {pair.a, pair.b}}, {"shift", pair.shift}});
    } else {
      change.update({{"by", "float"}, {"factors", {double{static_cast<float>(a)}, double{static_cast<float>(b)}}}});
    }
  }

  void average(const Instruction& each, Json& out) const {
    const native::Value &in = program_.values[static_cast<size_t>(each.inputs[0])],
                        &made = program_.values[static_cast<size_t>(each.outputs[0])];
    if (!in.is_u8) return;
    const double factor = static_cast<double>(in.step.scale) / (made.is_u8 ? made.step.scale : 1.0) /
                          static_cast<double>(in.height * in.width);
    Json& change = out["requantize"] = made.is_u8 ? bounds(made.step) : Json::object();
    if (each.dyadic) {
      const native::Dyadic dyadic = native::dyadic_of(factor, 255 * in.height * in.width, each.name);
      change.update({{"by", "dyadic"}, {"multiplier", dyadic.multiplier}, {"shift", dyadic.shift}});
    } else {
      change.update({{"by", made.is_u8 ? "float" : "none"}, {"factor", double{static_cast<float>(factor)}}});
    }
  }

  /// A name for one more array of a layer.
  std::string next(const char* what) { return fmt::format("{}{}", what, counts_[what]++); }

  const graph::ModelFile& model_;
  const Program program_;
  const fs::path folder_;
  std::map<int, Tensor> values_;
  std::map<std::string, int> counts_;
};

void require_integers(const graph::ModelFile& model, const Program& program, const fs::path& folder) {
  const graph::Edge& input = model.graph.edge(model.graph.inputs.at(0));
  const bool any =
      std::ranges::any_of(program.instructions, [](const Instruction& i) { return i.kind == Kind::conv_u8; });
  if (!any) {
    fail(ErrorKind::config,
         "[exports.integers] expected a quantized model, got one whose layers are all floats: `quench quantize`");
  }
  if (input.dtype != DType::u8) {
    fail(ErrorKind::config,
         "[exports.integers] expected a model that reads pixels (uint8), got an input of {}: quantize with --target "
         "native",
         to_string(input.dtype));
  }
  if (std::ranges::any_of(program.values, &native::Value::dynamic)) {
    fail(ErrorKind::unsupported,
         "[exports.integers] expected scales that are known beforehand, got 'activation_scales: dynamic'");
  }
  if (fs::exists(folder) && !fs::is_directory(folder)) {
    fail(ErrorKind::config, "[exports.integers] expected a folder to write, got the file {}", folder.string());
  }
}

}  // namespace

void write_integers(const graph::ModelFile& model, const Tensor& image, const std::string& source,
                    const fs::path& folder) {
  Program program = native::lower(model.graph);
  require_integers(model, program, folder);
  IntegerWriter(model, std::move(program), folder).write(image, source);
}

}  // namespace quench::exports
