#include <fmt/ranges.h>

#include <filesystem>
#include <iostream>
#include <map>

#include "cli/base_commands.h"
#include "cli/commands.h"
#include "cli/device_catalog.h"
#include "cli/print.h"
#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "devices/anchors.h"
#include "devices/capability.h"
#include "devices/fit.h"

namespace quench::cli {
namespace {

using devices::FitPoint;
using devices::HeldOut;
using Rows = std::vector<std::vector<std::string>>;

/// Anchors as points of the fit; those that cannot be used are logged, each with its reason.
class Points {
 public:
  Points(const devices::Catalog& catalog, const LogSink& log) : catalog_(catalog), log_(log) {}

  void add(const std::string& file) {
    const devices::AnchorFile anchors = devices::read_anchors(read_file(file), file);
    for (const std::string& skipped : anchors.skipped) log_.info("skipped " + skipped);
    for (const devices::Anchor& anchor : anchors.anchors) {
      try {
        points_.push_back(point_of(anchor));
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::unsupported && error.kind() != ErrorKind::config) throw;
        log_.info(fmt::format("skipped {}: {}", anchor.where, error.what()));
      }
    }
  }
  const std::vector<FitPoint>& all() const { return points_; }

 private:
  FitPoint point_of(const devices::Anchor& anchor) {
    const devices::Device* device = catalog_.by_anchor(anchor.device);
    if (!device) fail(ErrorKind::config, "no device file names the anchor '{}'", anchor.device);
    const devices::Engine engine = devices::engine_of_runtime(anchor.runtime);
    const devices::Machine machine = devices::as_published(devices::machine_of(*device, engine, "", 0));
    const devices::ModelWork& work = work_of(anchor.model, anchor.imgsz);
    return {device->name,
            engine,
            anchor.runtime,
            anchor.model,
            anchor.imgsz,
            anchor.precision,
            2 * static_cast<double>(work.macs()) / 1e9,
            devices::terms_of(work, machine, anchor.runtime, anchor.precision),
            static_cast<double>(anchor.latency_ns)};
  }

  const devices::ModelWork& work_of(const std::string& model, int64_t imgsz) {
    const auto found = works_.find({model, imgsz});
    if (found != works_.end()) return found->second;
    return works_[{model, imgsz}] = devices::work_of(devices::anchor_graph(model, imgsz));
  }

  const devices::Catalog& catalog_;
  const LogSink& log_;
  std::map<std::pair<std::string, int64_t>, devices::ModelWork> works_;
  std::vector<FitPoint> points_;
};

std::string percent(double fraction) { return fmt::format("{:.1f}", 100 * fraction); }

/// One line of the cross-validation: what was left out, where, and how far off.
struct Line {
  std::string left_out;
  std::string engine;
  std::string runtime;
  std::string device;  ///< "all" for the whole
  std::vector<double> errors;
  std::vector<double> gflops_errors;
};

void add_lines(std::vector<Line>& lines, const char* left_out, const std::vector<HeldOut>& held) {
  std::map<std::tuple<std::string, std::string, std::string>, Line> sets;
  for (const HeldOut& out : held) {
    const FitPoint& point = *out.point;
    const std::string engine = to_string(point.engine);
    const std::array<std::array<std::string, 3>, 3> keys{
        {{"all", "", ""}, {engine, point.runtime, "all"}, {engine, point.runtime, point.device}}};
    for (const auto& [key_engine, runtime, device] : keys) {
      Line& line = sets[{key_engine, runtime, device}];
      line = {left_out, key_engine, runtime, device, line.errors, line.gflops_errors};
      line.errors.push_back(out.relative());
      line.gflops_errors.push_back(out.gflops_ns / point.latency_ns - 1);
    }
  }
  for (auto& [key, line] : sets) lines.push_back(std::move(line));
}

std::string cross_validation(const std::vector<Line>& lines, const std::string& format) {
  Rows rows{
      {"left out", "engine", "runtime", "device", "anchors", "median %", "mean %", "max %", "GFLOPs only: mean %"}};
  Json list = Json::array();
  for (const Line& line : lines) {
    const devices::ErrorSummary errors = devices::summarize(line.errors),
                                plain = devices::summarize(line.gflops_errors);
    rows.push_back({line.left_out, line.engine, line.runtime, line.device, std::to_string(errors.points),
                    percent(errors.median), percent(errors.mean), percent(errors.max), percent(plain.mean)});
    list.push_back({{"left_out", line.left_out},
                    {"engine", line.engine},
                    {"runtime", line.runtime},
                    {"device", line.device},
                    {"anchors", errors.points},
                    {"median", errors.median},
                    {"mean", errors.mean},
                    {"max", errors.max},
                    {"log_90", errors.log_90},
                    {"gflops_only_median", plain.median},
                    {"gflops_only_mean", plain.mean}});
  }
  return format == "json" ? render_objects(list, format) : render_rows(rows, format);
}

std::string each_forecast(const std::vector<std::pair<const char*, std::vector<HeldOut>>>& schemes,
                          const std::string& format) {
  Rows rows{{"left out", "device", "runtime", "model", "imgsz", "precision", "measured ms", "forecast ms", "off by %"}};
  Json list = Json::array();
  for (const auto& [left_out, held] : schemes) {
    for (const HeldOut& out : held) {
      const FitPoint& point = *out.point;
      rows.push_back({left_out, point.device, point.runtime, point.model, std::to_string(point.imgsz),
                      to_string(point.precision), fmt::format("{:.3f}", point.latency_ns / 1e6),
                      fmt::format("{:.3f}", out.forecast_ns / 1e6), fmt::format("{:+.1f}", 100 * out.relative())});
      list.push_back({{"left_out", left_out},
                      {"device", point.device},
                      {"runtime", point.runtime},
                      {"model", point.model},
                      {"imgsz", point.imgsz},
                      {"precision", to_string(point.precision)},
                      {"latency_ns", point.latency_ns},
                      {"forecast_ns", out.forecast_ns}});
    }
  }
  return format == "json" ? render_objects(list, format) : render_rows(rows, format);
}

std::string fitted(const std::vector<devices::RuntimeFit>& fits, const std::string& format) {
  Rows rows{{"device", "engine", "runtime", "anchors", "fixed Mcycles", "position cycles", "compute x", "memory x",
             "error x"}};
  Json list = Json::array();
  for (const devices::RuntimeFit& fit : fits) {
    const auto& [fixed, positions, compute, memory] = fit.factors;
    rows.push_back({fit.device.empty() ? "(any other)" : fit.device, to_string(fit.engine), fit.runtime,
                    std::to_string(fit.anchors), fmt::format("{:.3g}", fixed), fmt::format("{:.3g}", positions),
                    fmt::format("{:.3g}", compute), fmt::format("{:.3g}", memory),
                    fmt::format("{:.2f}", std::exp(fit.error))});
    list.push_back({{"device", fit.device},
                    {"engine", to_string(fit.engine)},
                    {"runtime", fit.runtime},
                    {"anchors", fit.anchors},
                    {"fixed", fixed},
                    {"positions", positions},
                    {"compute", compute},
                    {"memory", memory},
                    {"error", fit.error}});
  }
  return format == "json" ? render_objects(list, format) : render_rows(rows, format);
}

/// Files by their names alone: where they lie on this machine says nothing to others.
std::string command_text(const std::vector<std::string>& files, const std::string& output) {
  std::string text = "quench devices fit";
  for (const std::string& file : files) text += " " + std::filesystem::path(file).filename().string();
  return text + " -o " + std::filesystem::path(output).filename().string();
}

}  // namespace

int run_devices_fit(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = program::settings(command("devices fit"), Json::object(), invocation);
  const devices::Catalog catalog = device_catalog(options, environment);
  Points points(catalog, environment.log);
  for (const std::string& file : invocation.inputs) points.add(file);
  if (points.all().empty()) fail(ErrorKind::data, "expected anchors that can be used, got none");

  const std::vector<devices::RuntimeFit> fits = devices::fit_all(points.all());
  if (options["output"].is_string()) {
    devices::LatencyFit fit{command_text(invocation.inputs, options["output"]), {}, fits};
    for (const std::string& file : invocation.inputs) {
      fit.anchors.push_back(
          fmt::format("{} sha256 {}", std::filesystem::path(file).filename().string(), sha256_file(file)));
    }
    const std::string output = options["output"];
    write_file(output, devices::to_yaml(fit));
    environment.log.info(fmt::format("wrote {} (measured latencies: {})", output, points.all().size()));
  }
  const std::string format = options["format"];
  if (options["cross_validate"].get<bool>()) {
    const std::vector<HeldOut> models = devices::leave_one_model_out(points.all());
    const std::vector<HeldOut> left = devices::leave_one_device_out(points.all());
    if (options["each"].get<bool>()) {
      std::cout << each_forecast({{"model", models}, {"device", left}}, format);
      return program::kOk;
    }
    std::vector<Line> lines;
    add_lines(lines, "model", models);
    add_lines(lines, "device", left);
    std::cout << cross_validation(lines, format);
  } else {
    std::cout << fitted(fits, format);
  }
  return program::kOk;
}

}  // namespace quench::cli
