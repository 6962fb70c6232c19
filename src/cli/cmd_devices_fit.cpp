#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <set>
#include <tuple>

#include "cli/base_commands.h"
#include "cli/commands.h"
#include "cli/device_catalog.h"
#include "cli/print.h"
#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/text.h"
#include "devices/anchors.h"
#include "devices/capability.h"
#include "devices/new_device.h"

namespace quench::cli {
namespace {

using devices::FitPoint;
using devices::HeldOut;
using Rows = std::vector<std::vector<std::string>>;

/// How far two latencies of the same thing may be apart.
constexpr double kAgreement = 1.6;

/// Anchors as points of the fit; those that cannot be used are logged, each with its reason.
class Points {
 public:
  Points(const devices::Catalog& catalog, const LogSink& log) : catalog_(catalog), log_(log) {}

  void add(const std::string& file) {
    const devices::AnchorFile anchors = devices::read_anchors(read_file(file), file);
    for (const std::string& skipped : anchors.skipped) log_.info("skipped " + skipped);
    if (!anchors.unfilled.empty()) {
      log_.info(fmt::format("left out {} of {} without a latency, not measured yet: {}",
                            counted(static_cast<int64_t>(anchors.unfilled.size()), "line"), file,
                            fmt::join(anchors.unfilled, ", ")));
    }
    unfilled_ += anchors.unfilled.size();
    for (const devices::Anchor& anchor : anchors.anchors) {
      require_runtime(anchor);
      try {
        FitPoint point = point_of(anchor);
        require_agreement(point, anchor.where);
        points_.push_back(std::move(point));
        places_.push_back(anchor.where);
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::unsupported && error.kind() != ErrorKind::config) throw;
        log_.info(fmt::format("skipped {}: {}", anchor.where, error.what()));
      }
    }
  }
  /// Leaves out, with a message, what thirty and more latencies of the same device and runtime contradict.
  void drop_contradictions() {
    const std::vector<size_t> found = devices::contradictions(points_);
    for (auto i = found.rbegin(); i != found.rend(); ++i) {
      const auto at = static_cast<std::ptrdiff_t>(*i);
      log_.info(
          fmt::format("left out {}: the other latencies of {} with {} say otherwise, by more than a factor of 1.6",
                      places_[*i], points_[*i].device, points_[*i].runtime));
      points_.erase(points_.begin() + at);
      places_.erase(places_.begin() + at);
    }
  }
  const std::vector<FitPoint>& all() const { return points_; }
  size_t unfilled() const { return unfilled_; }

 private:
  /// A name of a runtime that nothing knows: a new one is said, one that is nearly another's is refused.
  void require_runtime(const devices::Anchor& anchor) {
    std::vector<std::string> names = devices::known_runtimes();
    for (const devices::RuntimeFit& entry : catalog_.fit.fits) names.push_back(entry.runtime);
    const std::string& runtime = anchor.runtime;
    if (std::ranges::count(names, runtime) > 0 || new_runtimes_.contains(runtime)) return;
    if (runtime.empty()) fail(ErrorKind::data, "{}: expected a runtime, got an empty field", anchor.where);
    if (const std::string near = nearest(runtime, names); !near.empty()) {
      fail(ErrorKind::data,
           "{}: unknown runtime '{}' (did you mean '{}'? One of your own needs a name that is less like it)",
           anchor.where, runtime, near);
    }
    new_runtimes_.insert(runtime);
    log_.info(fmt::format("{}: the runtime '{}' is new: taken as one of CPUs", anchor.where, runtime));
  }
  /// Two latencies of the same thing that cannot both be right.
  void require_agreement(const FitPoint& point, const std::string& where) {
    const auto key =
        std::tuple(point.device, point.runtime, point.scaled, point.imgsz, std::string(to_string(point.precision)));
    const auto [found, is_new] = seen_.try_emplace(key, point.latency_ns, where);
    if (is_new) return;
    const auto& [latency_ns, other] = found->second;
    if (std::max(latency_ns, point.latency_ns) <= kAgreement * std::min(latency_ns, point.latency_ns)) return;
    fail(ErrorKind::data,
         "{}: {} at {} px takes {:g} ms on {} with {}, but {:g} ms by {}: expected latencies of one thing to be within "
         "a "
         "factor of {}; leave out the one that was measured in another way",
         where, point.model, point.imgsz, point.latency_ns * 1e-6, point.device, point.runtime, latency_ns * 1e-6,
         other, kAgreement);
  }
  FitPoint point_of(const devices::Anchor& anchor) {
    const devices::Device* device = catalog_.by_anchor(anchor.device);
    if (!device) fail(ErrorKind::config, "no device file names the anchor '{}'", anchor.device);
    const devices::Engine engine = devices::engine_of_runtime(anchor.runtime);
    const devices::Machine machine = devices::as_published(devices::machine_of(*device, engine, "", 0));
    const devices::ModelWork& work = work_of(anchor.model, anchor.imgsz);
    const devices::ScaledName named = devices::scaled_name(anchor.model);
    return {device->name,
            engine,
            anchor.runtime,
            anchor.model,
            anchor.imgsz,
            anchor.precision,
            2 * static_cast<double>(work.macs()) / 1e9,
            devices::terms_of(work, machine, anchor.runtime, anchor.precision),
            static_cast<double>(anchor.latency_ns),
            named.name,
            named.family,
            named.width};
  }

  const devices::ModelWork& work_of(const std::string& model, int64_t imgsz) {
    const auto found = works_.find({model, imgsz});
    if (found != works_.end()) return found->second;
    constexpr int64_t kStride = 32;  // of every model by name: one Graph of a detector serves all sizes
    if (imgsz > kStride && imgsz % kStride == 0 && work_of(model, kStride).convolutional) {
      return works_[{model, imgsz}] = devices::enlarged(work_of(model, kStride), imgsz / kStride);
    }
    return works_[{model, imgsz}] = devices::work_of(devices::anchor_graph(model, imgsz));
  }

  const devices::Catalog& catalog_;
  const LogSink& log_;
  std::map<std::pair<std::string, int64_t>, devices::ModelWork> works_;
  std::vector<FitPoint> points_;
  std::vector<std::string> places_;  ///< "anchors.csv:12" of each
  std::set<std::string> new_runtimes_;
  /// Latency and place of device, runtime, model, image side and precision.
  std::map<std::tuple<std::string, std::string, std::string, int64_t, std::string>, std::pair<double, std::string>>
      seen_;
  size_t unfilled_ = 0;
};

/// Entries of devices that the points do not name: what a new device starts from.
std::vector<devices::RuntimeFit> fits_of_others(const devices::LatencyFit& fit, const std::vector<FitPoint>& points) {
  std::vector<devices::RuntimeFit> others;
  for (const devices::RuntimeFit& entry : fit.fits) {
    const bool named = std::ranges::any_of(points, [&](const FitPoint& p) { return p.device == entry.device; });
    if (!entry.device.empty() && !named) others.push_back(entry);
  }
  return others;
}

std::string percent(double fraction) { return fmt::format("{:.1f}", 100 * fraction); }

/// One line of the cross-validation: what was left out, where, and how far off.
struct Line {
  std::string left_out;
  std::string engine;
  std::string runtime;
  std::string device;  ///< "all" for the whole
  std::vector<double> errors;
  std::vector<double> gflops_errors;
  std::vector<HeldOut> held;
};

/// One way of leaving latencies out, and what then was forecast.
struct Scheme {
  const char* left_out;
  devices::GroupOf group;  ///< of a latency: what is left out with it
  std::vector<HeldOut> held;
};

std::vector<Scheme> schemes_of(const std::vector<FitPoint>& points, int64_t planned) {
  const auto device = [](const FitPoint& p) { return p.device; };
  if (planned > 0) {
    std::vector<HeldOut> held = devices::new_device_trial(points, planned);
    if (held.empty()) {
      fail(ErrorKind::data,
           "expected 30 latencies or more of a device and runtime, and more than 'planned', got fewer");
    }
    return {{"all but planned", device, std::move(held)}};
  }
  std::vector<Scheme> schemes{{"model", devices::model_group, {}},
                              {"width", [](const FitPoint& p) { return p.width; }, {}},
                              {"family", [](const FitPoint& p) { return p.family; }, {}},
                              {"size", [](const FitPoint& p) { return std::to_string(p.imgsz); }, {}}};
  for (Scheme& scheme : schemes) scheme.held = devices::leave_one_out(points, scheme.group);
  schemes.push_back({"device", device, devices::leave_one_device_out(points)});
  if (std::ranges::all_of(schemes, [](const Scheme& scheme) { return scheme.held.empty(); })) {
    fail(ErrorKind::data,
         "devices fit: '--cross-validate' forecasts each latency from others of its runtime: expected latencies of 2 "
         "models "
         "or more of one device and runtime, or of 2 devices of one runtime, got {} that nothing else tells of",
         points.size() == 1 ? "one" : fmt::format("{}", points.size()));
  }
  return schemes;
}

void add_lines(std::vector<Line>& lines, const Scheme& scheme) {
  std::map<std::tuple<std::string, std::string, std::string>, Line> sets;
  for (const HeldOut& out : scheme.held) {
    const FitPoint& point = *out.point;
    const std::string engine = to_string(point.engine);
    const std::array<std::array<std::string, 3>, 3> keys{
        {{"all", "", ""}, {engine, point.runtime, "all"}, {engine, point.runtime, point.device}}};
    for (const auto& [key_engine, runtime, device] : keys) {
      Line& line = sets[{key_engine, runtime, device}];
      line = {scheme.left_out, key_engine, runtime, device, line.errors, line.gflops_errors, line.held};
      line.held.push_back(out);
      line.errors.push_back(out.relative());
      line.gflops_errors.push_back(out.gflops_ns / point.latency_ns - 1);
    }
  }
  for (auto& [key, line] : sets) lines.push_back(std::move(line));
}

std::string cross_validation(const std::vector<Scheme>& schemes, const std::string& format) {
  Rows rows{{"left out", "engine", "runtime", "device", "anchors", "median %", "mean %", "max %", "within 20 %: %",
             "in the interval: %", "GFLOPs only: mean %"}};
  Json list = Json::array();
  std::vector<Line> lines;
  for (const Scheme& scheme : schemes) add_lines(lines, scheme);
  for (const Line& line : lines) {
    const Scheme& scheme = *std::ranges::find_if(schemes, [&](const Scheme& s) { return s.left_out == line.left_out; });
    // The interval of a model: of latencies of the device whose models were left out, but not with this one's group.
    const bool of_device = std::string(scheme.left_out) == "device";
    const double inside =
        devices::covered(line.held, of_device ? scheme.held : schemes.front().held, scheme.group, !of_device);
    const devices::ErrorSummary errors = devices::summarize(line.errors),
                                plain = devices::summarize(line.gflops_errors);
    rows.push_back({line.left_out, line.engine, line.runtime, line.device, std::to_string(errors.points),
                    percent(errors.median), percent(errors.mean), percent(errors.max), percent(errors.within_20),
                    percent(inside), percent(plain.mean)});
    list.push_back({{"left_out", line.left_out},
                    {"engine", line.engine},
                    {"runtime", line.runtime},
                    {"device", line.device},
                    {"anchors", errors.points},
                    {"median", errors.median},
                    {"mean", errors.mean},
                    {"max", errors.max},
                    {"within_20", errors.within_20},
                    {"in_interval", inside},
                    {"log_90", errors.log_90},
                    {"gflops_only_median", plain.median},
                    {"gflops_only_mean", plain.mean}});
  }
  return format == "json" ? render_objects(list, format) : render_rows(rows, format);
}

std::string each_forecast(const std::vector<Scheme>& schemes, const std::string& format) {
  Rows rows{{"left out", "device", "runtime", "model", "imgsz", "precision", "measured ms", "forecast ms", "off by %"}};
  Json list = Json::array();
  for (const auto& [left_out, group, held] : schemes) {
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

/// "macs 1, pointwise 5.24": factors that are not 0.
std::string factors_text(const devices::Factors& factors) {
  std::vector<std::string> parts;
  for (size_t i = 0; i < factors.size(); ++i) {
    if (factors[i] > 0) parts.push_back(fmt::format("{} {:.3g}", devices::kTermNames[i], factors[i]));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string fitted(const std::vector<devices::RuntimeFit>& fits, const std::string& format) {
  Rows rows{{"device", "engine", "runtime", "anchors", "error x", "factors"}};
  Json list = Json::array();
  for (const devices::RuntimeFit& fit : fits) {
    rows.push_back({fit.device.empty() ? "(any other)" : fit.device, to_string(fit.engine), fit.runtime,
                    std::to_string(fit.anchors), fmt::format("{:.2f}", std::exp(fit.error)),
                    factors_text(fit.factors)});
    Json entry{
        {"device", fit.device}, {"engine", to_string(fit.engine)}, {"runtime", fit.runtime}, {"anchors", fit.anchors}};
    for (size_t i = 0; i < fit.factors.size(); ++i) entry[devices::kTermNames[i]] = fit.factors[i];
    entry["error"] = fit.error;
    list.push_back(entry);
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
  const bool tests = options["planned"] > 0 || options["cross_validate"].get<bool>();
  if (options["each"].get<bool>() && !tests) {
    fail(ErrorKind::config,
         "devices fit: '--each' prints the forecasts of latencies that were left out: it needs --cross-validate or "
         "--planned COUNT");
  }
  Points points(catalog, environment.log);
  for (const std::string& file : invocation.inputs) points.add(file);
  if (points.all().empty()) {
    fail(ErrorKind::data, "devices fit: expected latencies that can be used, got none{}",
         points.unfilled() > 0 ? fmt::format(" ({} without a number in 'latency_ms')",
                                             counted(static_cast<int64_t>(points.unfilled()), "line"))
                               : "");
  }

  points.drop_contradictions();
  const std::string format = options["format"];
  if (const int64_t planned = options["planned"]; planned > 0 || options["cross_validate"].get<bool>()) {
    const std::vector<Scheme> schemes = schemes_of(points.all(), planned);
    std::cout << (options["each"].get<bool>() ? each_forecast(schemes, format) : cross_validation(schemes, format));
    if (!options["output"].is_string()) return program::kOk;
  }
  const std::vector<devices::RuntimeFit> fits =
      devices::fit_all(points.all(), fits_of_others(catalog.fit, points.all()));
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
  if (!options["cross_validate"].get<bool>() && options["planned"] == 0) std::cout << fitted(fits, format);
  return program::kOk;
}

}  // namespace quench::cli
