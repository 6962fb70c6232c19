#include "why/times.h"

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "core/text.h"
#include "runtime/measure.h"
#include "runtime/native/native.h"

namespace quench::why {
namespace {

constexpr int kWarmUpRuns = 3;

bool converts(const runtime::LayerTime& instruction) {
  return instruction.operation == "quantize" || instruction.operation == "quantize_dynamic" ||
         instruction.operation == "dequantize";
}

/// A convolution or linear layer.
bool multiplies(const runtime::LayerTime& instruction) { return instruction.macs > 0; }

/// Of rounds, the last of which takes what is left over.
int64_t least_median(const std::vector<int64_t>& times) {
  int64_t least = std::numeric_limits<int64_t>::max();
  const size_t rounds = std::max<size_t>(1, times.size() / kRoundRuns);
  for (size_t round = 0; round < rounds; ++round) {
    const auto begin = times.begin() + static_cast<std::ptrdiff_t>(round * kRoundRuns);
    std::vector<int64_t> one(begin, round + 1 == rounds ? times.end() : begin + kRoundRuns);
    const auto middle = one.begin() + static_cast<std::ptrdiff_t>(one.size() / 2);
    std::nth_element(one.begin(), middle, one.end());
    least = std::min(least, *middle);
  }
  return least;
}

/// One model while it is timed.
struct Timed {
  std::unique_ptr<runtime::Session> session;
  Tensor input;
  std::vector<std::vector<runtime::LayerTime>> runs = {};

  std::vector<runtime::LayerTime> times() const {
    std::vector<runtime::LayerTime> out = runs.front();
    for (size_t i = 0; i < out.size(); ++i) {
      std::vector<int64_t> times;
      for (const auto& run : runs) times.push_back(run.at(i).time_ns);
      out[i].time_ns = least_median(times);
    }
    return out;
  }
};

Timed timed(const runtime::Runtime& engine, const graph::ModelFile& model, int threads) {
  Timed out{engine.load(model, {.threads = threads, .layer_times = true}), {}};
  out.input = runtime::to_input(runtime::noise_image(model.graph), out.session->input_dtype());
  return out;
}

std::string isa_of(const runtime::Session& session) {
  constexpr std::string_view kNote = "instruction set: ";
  for (const std::string& note : session.notes()) {
    if (note.starts_with(kNote)) return note.substr(kNote.size());
  }
  return "";
}

}  // namespace

Profiler native_profiler(int threads, int64_t runs, const CancelToken& cancel) {
  return [threads, runs, &cancel](const graph::ModelFile& quantized, const graph::ModelFile& in_float) {
    const auto engine = runtime::native_runtime();
    std::vector<Timed> models;
    models.push_back(timed(*engine, quantized, threads));
    models.push_back(timed(*engine, in_float, threads));
    for (int64_t run = -kWarmUpRuns; run < runs; ++run) {
      for (Timed& model : models) {
        cancel.check();
        model.session->run(model.input);
        if (run >= 0) model.runs.push_back(model.session->layer_times());
      }
    }
    return Profile{models[0].times(), models[1].times(), isa_of(*models[0].session), runs};
  };
}

ModelTime model_time(const Profile& profile) {
  ModelTime out;
  for (const runtime::LayerTime& instruction : profile.in_float) {
    out.float_ns += static_cast<double>(instruction.time_ns);
  }
  for (const runtime::LayerTime& instruction : profile.quantized) {
    const auto time_ns = static_cast<double>(instruction.time_ns);
    out.quantized_ns += time_ns;
    if (multiplies(instruction)) out.layers_ns += time_ns;
    if (multiplies(instruction) && instruction.operation == "conv_f32") out.float_layers_ns += time_ns;
    if (converts(instruction)) out.conversions_ns += time_ns;
    if (instruction.operation == "table") out.requantizations_ns += time_ns;
    if (instruction.operation == "load" || instruction.operation == "to_planar") out.reorders_ns += time_ns;
  }
  out.isa = profile.isa;
  out.runs = profile.runs;
  return out;
}

LayerTime layer_time(const Profile& profile, const std::string& layer) {
  LayerTime out;
  const auto find = [&](const std::vector<runtime::LayerTime>& instructions) -> const runtime::LayerTime& {
    const auto found = std::ranges::find_if(
        instructions, [&](const runtime::LayerTime& one) { return one.layer == layer && multiplies(one); });
    ensure(found != instructions.end(), "[why.times] expected a time of layer '{}', got none", layer);
    return *found;
  };
  const runtime::LayerTime& own = find(profile.quantized);
  out.quantized_ns = static_cast<double>(own.time_ns);
  out.float_ns = static_cast<double>(find(profile.in_float).time_ns);
  out.in_integers = own.operation == "conv_u8";
  for (const runtime::LayerTime& one : profile.quantized) {
    if (one.layer == layer && converts(one)) out.conversions_ns += static_cast<double>(one.time_ns);
  }
  return out;
}

}  // namespace quench::why
