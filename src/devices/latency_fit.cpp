#include "devices/latency_fit.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "config/option.h"
#include "core/error.h"
#include "core/json_text.h"

namespace quench::devices {
namespace {

using config::OptionSet;
using T = config::OptionType;

constexpr const char* kFallbackRuntime = "onnxruntime";

const OptionSet& file_keys() {
  static const OptionSet keys({{"command", T::text, "", ""}, {"anchors", T::text_list, Json::array(), ""}});
  return keys;
}

const OptionSet& fit_keys() {
  static const OptionSet keys = [] {
    std::vector<config::Option> options{{"device", T::text, "", ""},
                                        {"engine", T::text, nullptr, "", {"cpu", "gpu"}},
                                        {"runtime", T::text, nullptr, ""},
                                        {"error", T::number, nullptr, "", {}, 0, 10},
                                        {"anchors", T::integer, 0, "", {}, 0, 1e9},
                                        {"precisions", T::text_list, Json::array(), "", {"fp32", "fp16", "int8"}}};
    for (const char* term : kTermNames) options.push_back({term, T::number, 0.0, "", {}, 0, 1e6});
    return OptionSet(options);
  }();
  return keys;
}

RuntimeFit runtime_fit_from(const Json& map, const std::string& where) {
  const Json values = fit_keys().checked(map, where);
  for (const char* key : {"engine", "runtime", "error"}) {
    if (values[key].is_null()) fail(ErrorKind::config, "{}: expected the key '{}', got none", where, key);
  }
  RuntimeFit fit;
  fit.device = values["device"];
  fit.engine = engine_of(values["engine"].get<std::string>());
  fit.runtime = values["runtime"];
  for (size_t i = 0; i < fit.factors.size(); ++i) fit.factors[i] = values[kTermNames[i]];
  fit.error = values["error"];
  fit.anchors = values["anchors"];
  fit.precisions = values["precisions"].get<std::vector<std::string>>();
  return fit;
}

const RuntimeFit* find(const LatencyFit& fit, const std::string& device, Engine engine, const std::string& runtime) {
  const auto found = std::ranges::find_if(fit.fits, [&](const RuntimeFit& entry) {
    return entry.device == device && entry.engine == engine && entry.runtime == runtime;
  });
  return found == fit.fits.end() ? nullptr : &*found;
}

/// tensorrt and tensorrt-fp16 are one library: published latencies name it `tensorrt`.
std::string library_of(const std::string& runtime) { return runtime == "tensorrt-fp16" ? "tensorrt" : runtime; }

std::string latencies(int64_t count) {
  return fmt::format("{} measured {}", count, count == 1 ? "latency" : "latencies");
}

struct Chosen {
  const RuntimeFit* fit = nullptr;
  double widening = 1;  ///< of the interval, in logarithms
  std::string evidence;
};

Chosen choose(const LatencyFit& fit, const Device& device, Engine engine, const std::string& runtime_name,
              Precision precision) {
  const std::string runtime = library_of(runtime_name);
  Chosen chosen;
  if ((chosen.fit = find(fit, device.name, engine, runtime))) {
    chosen.evidence = fmt::format("{} of {} with {}", latencies(chosen.fit->anchors), device.name, runtime);
  } else if ((chosen.fit = find(fit, "", engine, runtime))) {
    chosen.evidence = fmt::format("measured latencies of other devices with {}", runtime);
  } else if (engine == Engine::cpu && (chosen.fit = find(fit, "", engine, kFallbackRuntime))) {
    chosen.widening = 2;
    chosen.evidence =
        fmt::format("no measured latency with {}: those of {} on other devices", runtime, kFallbackRuntime);
  } else {
    fail(ErrorKind::unsupported, "no latency parameters for {} on a {}: `quench devices fit` makes them", runtime,
         to_string(engine));
  }
  if (std::ranges::count(chosen.fit->precisions, to_string(precision)) == 0) {
    chosen.widening = 2;
    chosen.evidence += fmt::format("; none in {}: scaled by peak", title_of(precision));
  }
  return chosen;
}

}  // namespace

LatencyFit merged(LatencyFit first, const LatencyFit& rest) {
  for (const RuntimeFit& entry : rest.fits) {
    const auto own = std::ranges::find_if(first.fits, [&](const RuntimeFit& other) {
      return other.device == entry.device && other.engine == entry.engine && other.runtime == entry.runtime;
    });
    if (own == first.fits.end()) {
      first.fits.push_back(entry);
    } else if (entry.device.empty() && own->anchors < entry.anchors) {
      *own = entry;
    }
  }
  if (first.command.empty()) first.command = rest.command;
  first.anchors.insert(first.anchors.end(), rest.anchors.begin(), rest.anchors.end());
  return first;
}

bool has_runtime(const LatencyFit& fit, Engine engine, const std::string& runtime) {
  return std::ranges::any_of(
      fit.fits, [&](const RuntimeFit& entry) { return entry.engine == engine && entry.runtime == runtime; });
}

LatencyFit fit_from(const Json& content, const std::string& where) {
  if (!content.is_object())
    fail(ErrorKind::config, "{}: expected a map with 'fits', got {}", where, content.type_name());
  Json map = content;
  const Json fits = map.value("fits", Json::array());
  map.erase("fits");
  const Json values = file_keys().checked(map, where);
  LatencyFit out{values["command"], values["anchors"].get<std::vector<std::string>>(), {}};
  if (!fits.is_array()) fail(ErrorKind::config, "{}.fits: expected a list of maps, got {}", where, fits.type_name());
  for (const Json& entry : fits) out.fits.push_back(runtime_fit_from(entry, where + ".fits"));
  return out;
}

std::string to_yaml(const LatencyFit& fit) {
  std::string out =
      "# Latency parameters (docs/devices.md), made by the command below. An entry without a device is for devices "
      "that\n"
      "# no anchor names. A factor that is not there is 0. Units: fixed in 10^6 cycles, positions in cycles a "
      "position,\n"
      "# layers and pointwise_layers in 10^3 cycles a layer, the others in times the ideal; error is of\n"
      "# |ln(forecast / measured)|.\n";
  out += fmt::format("command: {}\n", json_text(fit.command));
  out += "anchors:\n";
  for (const std::string& anchors : fit.anchors) out += fmt::format("  - {}\n", json_text(anchors));
  out += "fits:\n";
  for (const RuntimeFit& entry : fit.fits) {
    out += "  - {";
    if (!entry.device.empty()) out += fmt::format("device: {}, ", entry.device);
    out += fmt::format("engine: {}, runtime: {}, ", to_string(entry.engine), entry.runtime);
    for (size_t i = 0; i < entry.factors.size(); ++i) {
      if (entry.factors[i] > 0) out += fmt::format("{}: {:.4g}, ", kTermNames[i], entry.factors[i]);
    }
    out += fmt::format("error: {:.3f}, anchors: {}, precisions: [{}]}}\n", entry.error, entry.anchors,
                       fmt::join(entry.precisions, ", "));
  }
  return out;
}

Forecast forecast_latency(const LatencyFit& fit, const Device& device, const Machine& machine,
                          const std::string& runtime, const ModelWork& work, Precision precision) {
  const Chosen chosen = choose(fit, device, machine.engine, runtime, precision);
  const double ns = latency_of(terms_of(work, machine, runtime, precision), chosen.fit->factors);
  const double spread = std::exp(chosen.fit->error * chosen.widening);
  const auto rounded = [](double value) { return static_cast<int64_t>(std::llround(value)); };
  return {rounded(ns), rounded(ns / spread), rounded(ns * spread), chosen.evidence};
}

}  // namespace quench::devices
