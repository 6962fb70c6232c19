#pragma once

#include "config/tables.h"
#include "config/why_options.h"
#include "quant_refine_testing.h"
#include "why/examine.h"

namespace quench::why {

inline graph::ModelFile file_of(const graph::Graph& graph, const char* name = "q.onnx") {
  return {name, "", "0123456789abcdef0123", graph};
}

/// A converted model.
inline graph::Graph converted_graph(const graph::Graph& model,
                                    std::initializer_list<std::pair<const char*, Json>> changes = {}) {
  return quant::convert(quant::prepared_graph(model, changes));
}

/// Noise whose values reach from 0 to `most`; one image has a white pixel (-1: none has).
class SpottedDataset final : public data::Dataset {
 public:
  SpottedDataset(int64_t count, double most, int64_t spotted) : count_(count), most_(most), spotted_(spotted) {}
  int64_t size() const override { return count_; }
  const std::vector<std::string>& classes() const override { return classes_; }
  int32_t label(int64_t index) const override { return static_cast<int32_t>(index % 5); }
  data::Sample at(int64_t index) const override {
    Rng rng(3, "spotted", static_cast<uint64_t>(index));
    std::vector<uint8_t> pixels(16 * 16 * 3);
    for (uint8_t& p : pixels) p = static_cast<uint8_t>(rng.uniform(0, most_));
    if (index == spotted_) pixels[300] = pixels[301] = pixels[302] = 255;
    return {Tensor::from(pixels, {16, 16, 3}), label(index), {}};
  }
  std::string digest() const override { return "spotted"; }

 private:
  int64_t count_;
  double most_;
  int64_t spotted_;
  std::vector<std::string> classes_{"a", "b", "c", "d", "e"};
};

inline data::Splits spotted_splits(double most, int64_t spotted = -1) {
  const auto images = std::make_shared<SpottedDataset>(96, most, spotted);
  return {"spotted", images, images};
}

/// Times as a made-up engine has them: every layer takes `integer_ns` in integers and `float_ns` in float.
struct MadeUpTimes {
  int64_t integer_ns = 200'000, float_ns = 400'000;
  std::map<std::string, int64_t> quantized_ns = {};    ///< of some layers of the quantized model
  std::map<std::string, int64_t> conversions_ns = {};  ///< under names of layers

  Profiler profiler() const {
    return [times = *this](const graph::ModelFile& quantized, const graph::ModelFile& in_float) {
      Profile out;
      out.isa = "plain";
      out.runs = 1;
      for (const graph::Node& node : quantized.graph.nodes) {
        const graph::Weight* weight = quantized.graph.weight(node, "weight");
        if (!weight) continue;
        const bool integer = weight->quant && quantized.graph.edge(node.inputs[0]).quant;
        const auto own = times.quantized_ns.find(node.name);
        const int64_t time = own != times.quantized_ns.end() ? own->second
                             : integer                       ? times.integer_ns
                                                             : times.float_ns;
        if (const auto converts = times.conversions_ns.find(node.name); converts != times.conversions_ns.end()) {
          out.quantized.push_back({node.name, "dequantize", converts->second, 0, 0});
        }
        out.quantized.push_back({node.name, integer ? "conv_u8" : "conv_f32", time, 1000, 0});
      }
      for (const graph::Node& node : in_float.graph.nodes) {
        if (in_float.graph.weight(node, "weight"))
          out.in_float.push_back({node.name, "conv_f32", times.float_ns, 1000, 0});
      }
      return out;
    };
  }
};

inline Json why_settings(int64_t images = 48) {
  Json settings = config::why_options().defaults();
  settings["images"] = images;
  return settings;
}

/// Without times of a real engine. against: null where there is none.
inline Findings findings_of(const graph::Graph& quantized, const graph::Graph* against, const data::Splits* data,
                            const MadeUpTimes& times = {}) {
  const graph::ModelFile model = file_of(quantized);
  std::optional<graph::ModelFile> reference;
  if (against) reference = file_of(*against, "y.onnx");
  return examine({model, reference ? &*reference : nullptr, data, data ? data->name : ""}, why_settings(),
                 times.profiler(), {}, CancelToken{});
}

}  // namespace quench::why
