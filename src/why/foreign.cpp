#include "why/foreign.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "core/error.h"
#include "runtime/measure.h"

namespace quench::why {
namespace {

void require_image_input(const graph::ModelFile& model) {
  const graph::Graph& graph = model.graph;
  const Shape shape = graph.inputs.size() == 1 ? graph.edge(graph.inputs[0]).shape : Shape{};
  if (shape.size() == 4 && shape[1] == 3) return;
  fail(ErrorKind::config, "why: expected a model of one input [1,3,H,W], got {} inputs{} ({})", graph.inputs.size(),
       graph.inputs.empty() ? "" : ", the first of " + quench::to_string(graph.edge(graph.inputs[0]).shape),
       model.path.string());
}

void require_alike(const graph::ModelFile& model, const graph::ModelFile& against) {
  require_image_input(model);
  require_image_input(against);
  const Shape& own = model.graph.edge(model.graph.inputs[0]).shape;
  const Shape& other = against.graph.edge(against.graph.inputs[0]).shape;
  if (own != other || model.graph.outputs.size() != against.graph.outputs.size()) {
    fail(ErrorKind::config, "why --against: expected a model of input {} and {} outputs, got {} and {} ({})",
         quench::to_string(own), model.graph.outputs.size(), quench::to_string(other), against.graph.outputs.size(),
         against.path.string());
  }
}

std::ptrdiff_t largest(std::span<const float> values) { return std::ranges::max_element(values) - values.begin(); }

}  // namespace

Whole compare_whole(const graph::ModelFile& model, const graph::ModelFile& against, const std::vector<Tensor>& images,
                    const runtime::Runtime& runtime, int threads, int64_t runs, const CancelToken& cancel) {
  require_alike(model, against);
  const auto own = runtime.load(model, {.threads = threads}), other = runtime.load(against, {.threads = threads});
  std::vector<Tensor> shown = images;
  if (shown.empty()) shown.push_back(runtime::noise_image(model.graph));
  Whole out{model.path.string(), against.path.string(), runtime.name(), static_cast<int64_t>(images.size())};
  std::vector<double> signal, noise;
  std::vector<int64_t> alike;
  std::vector<size_t> ranks;
  for (const Tensor& image : shown) {
    cancel.check();
    const std::vector<Tensor> found = own->run(runtime::to_input(image, own->input_dtype()));
    const std::vector<Tensor> expected = other->run(runtime::to_input(image, other->input_dtype()));
    ranks.clear();
    for (const Tensor& output : expected) ranks.push_back(output.shape().size());
    signal.resize(expected.size());
    noise.resize(expected.size());
    alike.resize(expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      if (found[i].shape() != expected[i].shape()) {
        fail(ErrorKind::config, "why --against: expected outputs of one shape, got {} and {} (output {})",
             quench::to_string(found[i].shape()), quench::to_string(expected[i].shape()), i);
      }
      const auto a = found[i].values<float>(), b = expected[i].values<float>();
      for (size_t k = 0; k < a.size(); ++k) {
        signal[i] += static_cast<double>(b[k]) * b[k];
        noise[i] += (static_cast<double>(a[k]) - b[k]) * (static_cast<double>(a[k]) - b[k]);
      }
      alike[i] += largest(a) == largest(b);
      if (!std::isfinite(signal[i]) || !std::isfinite(noise[i])) {
        fail(ErrorKind::data, "why: expected finite outputs, got others (output {})", i);
      }
    }
  }
  for (size_t i = 0; i < signal.size(); ++i) {
    out.outputs.push_back(model.graph.edge(model.graph.outputs[i]).name);
    out.sqnr_db.push_back(noise[i] == 0 ? std::numeric_limits<double>::infinity()
                                        : 10 * std::log10(signal[i] / noise[i]));
    const bool scores = ranks.at(i) == 2 && !images.empty();
    out.agreement.push_back(scores ? std::optional(static_cast<double>(alike[i]) / static_cast<double>(shown.size()))
                                   : std::nullopt);
  }
  const std::vector<runtime::Measurement> times = runtime::measure_interleaved(
      {own.get(), other.get()},
      {runtime::to_input(shown[0], own->input_dtype()), runtime::to_input(shown[0], other->input_dtype())},
      {.min_samples = runs}, cancel);
  out.model_ns = static_cast<double>(times[0].latency.p50_ns);
  out.against_ns = static_cast<double>(times[1].latency.p50_ns);
  return out;
}

Json to_json(const Whole& whole) {
  Json outputs = Json::array();
  for (size_t i = 0; i < whole.outputs.size(); ++i) {
    outputs.push_back({{"output", whole.outputs[i]},
                       {"sqnr_db", std::isfinite(whole.sqnr_db[i]) ? Json(whole.sqnr_db[i]) : Json()},
                       {"agreement", whole.agreement[i] ? Json(*whole.agreement[i]) : Json()}});
  }
  return {{"form", "quench why whole 1"},   {"model", whole.model},   {"against", whole.against},
          {"runtime", whole.runtime},       {"images", whole.images}, {"model_ns", whole.model_ns},
          {"against_ns", whole.against_ns}, {"outputs", outputs}};
}

std::vector<std::string> lines_of(const Whole& whole) {
  const std::string runtime = whole.runtime == "onnxruntime" ? "ONNX Runtime" : "runtime " + whole.runtime;
  std::vector<std::string> out{fmt::format("In {} {} takes {:.3g} ms and {} {:.3g} ms: {:.2f} times as fast.", runtime,
                                           whole.model, whole.model_ns * 1e-6, whole.against, whole.against_ns * 1e-6,
                                           whole.against_ns / whole.model_ns)};
  for (size_t i = 0; i < whole.outputs.size(); ++i) {
    out.push_back(std::isfinite(whole.sqnr_db[i])
                      ? fmt::format("Output {} has {:.1f} dB of signal over noise on {}.", whole.outputs[i],
                                    whole.sqnr_db[i],
                                    whole.images > 0 ? fmt::format("{} images", whole.images) : "noise")
                      : fmt::format("Output {} is the same in both.", whole.outputs[i]));
    if (!whole.agreement[i]) continue;
    out.push_back(fmt::format("The largest value of {} is at the same place on {:.1f} % of them.", whole.outputs[i],
                              100 * *whole.agreement[i]));
  }
  return out;
}

}  // namespace quench::why
