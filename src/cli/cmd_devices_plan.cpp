#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "cli/base_commands.h"
#include "cli/commands.h"
#include "cli/device_catalog.h"
#include "cli/print.h"
#include "core/error.h"
#include "devices/anchors.h"
#include "devices/capability.h"
#include "devices/forecast.h"
#include "devices/new_device.h"

namespace quench::cli {
namespace {

constexpr int64_t kStride = 32;
constexpr int64_t kSmallest = 160;

/// A detector that may be measured.
struct Choice {
  std::string model;
  int64_t imgsz = 0;
  devices::ModelWork work;
};

/// Detectors of both families, of the depths and widths that the published ones have, at sides of 160 pixels and more.
std::vector<Choice> choices(int64_t largest) {
  std::vector<Choice> out;
  for (const char* family : {"yolov5", "yolov8"}) {
    for (const char* depth : {"0.33", "0.67", "1"}) {
      for (const char* width : {"0.25", "0.5", "0.75", "1"}) {
        const std::string model = fmt::format("{}:d{}w{}", family, depth, width);
        const devices::ModelWork small = devices::work_of(devices::anchor_graph(model, kStride));
        for (int64_t imgsz = kSmallest; imgsz <= largest; imgsz += kStride) {
          out.push_back({model, imgsz, devices::enlarged(small, imgsz / kStride)});
        }
      }
    }
  }
  return out;
}

/// Factors of another device by which terms are weighed against each other: of the runtime, else of any on the engine;
/// all 0 where no fit is by layers.
devices::Factors reference_of(const devices::LatencyFit& fit, devices::Engine engine, const std::string& runtime) {
  const devices::RuntimeFit* found = nullptr;
  for (const devices::RuntimeFit& entry : fit.fits) {
    if (entry.engine != engine || !devices::is_layered(entry.factors)) continue;
    if (!found || (entry.runtime == runtime && found->runtime != runtime)) found = &entry;
  }
  return found ? found->factors : devices::Factors{};
}

/// The one that is named, else the runtime's own, else the CPU. Throws Error{config} where both are named and the
/// runtime is of the other one.
devices::Engine engine_of(const Json& options, const devices::LatencyFit& fit) {
  if (!options["runtime"].is_string()) {
    return options["engine"].is_string() ? devices::engine_of(options["engine"].get<std::string>())
                                         : devices::Engine::cpu;
  }
  const std::string runtime = options["runtime"];
  const std::vector<std::string> known = devices::known_runtimes();
  devices::Engine own = devices::engine_of_runtime(runtime);
  const bool is_known = std::ranges::count(known, runtime) > 0;
  if (!is_known && devices::has_runtime(fit, devices::Engine::gpu, runtime)) own = devices::Engine::gpu;
  if (options["engine"].is_string() && devices::engine_of(options["engine"].get<std::string>()) != own &&
      (is_known || devices::has_runtime(fit, own, runtime))) {
    fail(ErrorKind::config, "devices plan: expected a runtime of the {}, got {}, which computes on the {}",
         options["engine"].get<std::string>(), runtime, to_string(own));
  }
  return own;
}

/// On CPUs the one that most published latencies are of, where it runs; else what runs there.
std::string usual_runtime(const devices::LatencyFit& fit, const devices::Device& device, devices::Engine engine,
                          devices::Precision precision) {
  const bool takes_onnxruntime = devices::capability(device, {engine, "onnxruntime", precision}).supported;
  if (engine == devices::Engine::cpu && takes_onnxruntime) return "onnxruntime";
  return devices::preferred_runtime(fit, device, engine, precision);
}

}  // namespace

int run_devices_plan(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = program::settings(command("devices plan"), Json::object(), invocation);
  const devices::Catalog catalog = device_catalog(options, environment);
  const devices::Device device = find_device(catalog, invocation.inputs.at(0));
  const devices::Engine engine = engine_of(options, catalog.fit);
  constexpr auto kPrecision = devices::Precision::fp32;
  const std::string runtime = options["runtime"].is_string() ? options["runtime"].get<std::string>()
                                                             : usual_runtime(catalog.fit, device, engine, kPrecision);
  devices::require_known(catalog.fit, device, {engine, runtime, kPrecision, "", 0});
  const devices::Machine machine = devices::machine_of(device, engine, "", 0);
  const std::vector<Choice> all = choices(options["largest_imgsz"]);
  std::vector<devices::Candidate> candidates;
  for (const Choice& choice : all) {
    candidates.push_back({choice.model, devices::terms_of(choice.work, machine, runtime, kPrecision)});
  }
  const devices::Factors reference = reference_of(catalog.fit, engine, runtime);
  const std::vector<size_t> chosen =
      devices::plan_measurements(candidates, devices::layered_form(engine), reference, options["count"].get<int64_t>());
  const std::string format = options["format"];
  std::vector<std::vector<std::string>> rows{{"device", "model", "input", "runtime", "precision", "latency_ms"}};
  if (format != "csv") rows.front().back() = "gflops";
  Json list = Json::array();
  for (const size_t i : chosen) {
    const double gflops = 2 * static_cast<double>(all[i].work.macs()) / 1e9;
    rows.push_back({device.name, all[i].model, std::to_string(all[i].imgsz), runtime, to_string(kPrecision),
                    format == "csv" ? "" : fmt::format("{:.2f}", gflops)});
    list.push_back({{"device", device.name},
                    {"model", all[i].model},
                    {"input", all[i].imgsz},
                    {"runtime", runtime},
                    {"precision", to_string(kPrecision)},
                    {"gflops", gflops}});
  }
  std::cout << (format == "json" ? render_objects(list, format) : render_rows(rows, format));
  environment.log.info(fmt::format(
      "measure each on {} at batch 1 in its first power mode (`quench bench MODEL --imgsz N`, or a file that `quench "
      "export MODEL --imgsz N -o FILE.onnx` makes), write the milliseconds into the last column of what `--format csv` "
      "prints, then: quench devices fit FILE.csv -o FOLDER/latency_fit.yaml",
      device.name));
  return program::kOk;
}

}  // namespace quench::cli
