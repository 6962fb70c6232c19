#include <algorithm>
#include <iostream>
#include <memory>
#include <set>

#include "cli/base_commands.h"
#include "cli/commands.h"
#include "cli/model_argument.h"
#include "cli/print.h"
#include "cli/remote.h"
#include "core/clock.h"
#include "core/error.h"
#include "platform/bench.h"
#include "platform/measured.h"

namespace quench::cli {
namespace {

/// A model loaded by a runtime.
struct Contender {
  const graph::ModelFile* model = nullptr;
  std::string runtime;
  std::unique_ptr<runtime::Session> session;
};

record::Record record_of(const Contender& contender, const Json& options, const program::Environment& environment) {
  record::Record record;
  record.cell = contender.model->path.string();
  platform::set_model(record, *contender.model);
  record.runtime = contender.runtime;
  record.threads = options["threads"].get<int64_t>();
  platform::set_host(record, environment.version);
  record.config = options;
  return record;
}

runtime::SessionOptions session_options(const Json& options) {
  runtime::SessionOptions out;
  out.threads = options["threads"];
  if (options["isa"] != "auto") out.isa = options["isa"];
  out.layer_times = options["profile"];
  return out;
}

/// Median times of each layer over some runs; means where the session times itself.
void print_profile(Contender& contender, const Tensor& input) {
  constexpr int kRuns = 31;
  std::vector<std::vector<runtime::LayerTime>> runs;
  const bool own = contender.session->times_itself();
  for (int i = 0; i < (own ? 1 : kRuns); ++i) {
    if (!own) contender.session->run(input);
    runs.push_back(contender.session->layer_times());
  }
  if (runs[0].empty()) {
    fail(ErrorKind::unsupported, "quench bench --profile: runtime '{}' does not time its layers", contender.runtime);
  }
  std::vector<runtime::LayerTime> median = runs[0];
  double total_ns = 0;
  for (size_t layer = 0; layer < median.size(); ++layer) {
    std::vector<int64_t> times;
    for (const auto& run : runs) times.push_back(run[layer].time_ns);
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::nth_element(times.begin(), middle, times.end());
    median[layer].time_ns = *middle;
    total_ns += static_cast<double>(median[layer].time_ns);
  }
  std::vector<std::vector<std::string>> rows{{"layer", "operation", "ms", "share %", "MMACs", "GOP/s", "peak %"}};
  for (const runtime::LayerTime& layer : median) {
    const auto time_ns = static_cast<double>(std::max<int64_t>(1, layer.time_ns));
    const double gmacs = static_cast<double>(layer.macs) / time_ns;
    rows.push_back(
        {layer.layer, layer.operation, fmt::format("{:.3f}", time_ns / 1e6),
         fmt::format("{:.1f}", 100 * time_ns / total_ns),
         layer.macs == 0 ? "-" : fmt::format("{:.1f}", static_cast<double>(layer.macs) / 1e6),
         layer.macs == 0 ? "-" : fmt::format("{:.0f}", 2 * gmacs),
         layer.macs == 0 || layer.peak_gmacs <= 0 ? "-" : fmt::format("{:.0f}", 100 * gmacs / layer.peak_gmacs)});
  }
  std::cout << fmt::format("\n{} / {}: {:.3f} ms in {} layers, {}\n", contender.model->path.string(), contender.runtime,
                           total_ns / 1e6, median.size(),
                           own ? "its own means" : fmt::format("median of {} runs", kRuns))
            << text_table(rows);
}

/// Before time is spent: whether the settings go together.
void check_settings(const Json& options) {
  if (options["profile"] && options["format"] != "table") {
    fail(ErrorKind::config, "quench bench --profile: expected --format table, got {}", options["format"].dump());
  }
  std::set<std::string> seen;
  for (const std::string runtime : options["runtime"]) {
    if (!seen.insert(runtime).second)
      fail(ErrorKind::config, "quench bench: expected each runtime once, got '{}' twice", runtime);
    if (options["isa"] != "auto" && runtime != "native") {
      fail(ErrorKind::config, "quench bench --isa: expected the runtime native, got '{}'", runtime);
    }
  }
}

/// A session that ran once, so that what cannot run fails here and not amid the others.
std::unique_ptr<runtime::Session> open_session(const runtime::Runtime& runtime, const graph::ModelFile& model,
                                               const Tensor& image, const Json& options) {
  std::unique_ptr<runtime::Session> session = runtime.load(model, session_options(options));
  if (session->times_itself()) return session;
  session->run(runtime::to_input(image, session->input_dtype()));
  if (options["profile"] && session->layer_times().empty()) {
    fail(ErrorKind::config, "quench bench --profile: expected a runtime that times its layers, got {}", runtime.name());
  }
  return session;
}

}  // namespace

int run_bench(const program::Invocation& invocation, const program::Environment& environment,
              const runtime::Registry& registry) {
  const Json options = program::settings(command("bench"), Json::object(), invocation);
  check_settings(options);
  if (is_remote(options)) return run_bench_remote(invocation, environment);
  std::vector<graph::ModelFile> models;
  for (const std::string& argument : invocation.inputs) models.push_back(open_model(argument, options));
  std::vector<Contender> contenders;
  std::vector<record::Record> records;
  std::vector<runtime::Session*> running;
  std::vector<Tensor> inputs;
  for (const graph::ModelFile& model : models) {
    const Tensor image = runtime::noise_image(model.graph);
    for (const Json& name : options["runtime"]) {
      Contender contender{&model, name, nullptr};
      record::Record record = record_of(contender, options, environment);
      try {
        const runtime::Runtime& runtime = registry.require(name);
        contender.session = open_session(runtime, model, image, options);
        for (const std::string& note : contender.session->notes()) {
          environment.log.info(fmt::format("{} / {}: {}", model.path.string(), runtime.name(), note));
        }
        running.push_back(contender.session.get());
        inputs.push_back(runtime::to_input(image, contender.session->input_dtype()));
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::unsupported) throw;
        platform::set_failure(record, error);
      }
      contenders.push_back(std::move(contender));
      records.push_back(std::move(record));
    }
  }
  const runtime::MeasureOptions measuring{.min_samples = options["min_samples"].get<int64_t>(),
                                          .min_seconds = options["min_seconds"].get<double>()};
  std::vector<platform::Benched> measured;
  if (!running.empty()) {
    measured = platform::bench(running, inputs, measuring, *environment.cancel);
    platform::tell_conditions(measured.front().conditions, environment.log);  // of several models the same
  }

  size_t next = 0;
  for (size_t i = 0; i < contenders.size(); ++i) {
    records[i].time = utc_now();
    if (contenders[i].session == nullptr) continue;
    const platform::Benched& result = measured[next++];
    platform::set_bench(records[i], result);
    if (!result.measurement.stable) {
      environment.log.warning(
          fmt::format("{} / {}: latency not stable after warm-up", *records[i].cell, contenders[i].runtime));
    }
  }
  std::cout << render(records, options["format"]);
  next = 0;
  for (Contender& contender : contenders) {
    if (contender.session && options["profile"]) print_profile(contender, inputs[next++]);
  }
  return running.size() == contenders.size() ? program::kOk : program::kCellFailed;
}

int run_runtimes(const program::Invocation& invocation, const program::Environment&,
                 const runtime::Registry& registry) {
  const Json options = program::settings(command("runtimes"), Json::object(), invocation);
  std::vector<std::vector<std::string>> rows{{"runtime", "available", "version", "reason"}};
  Json list = Json::array();
  for (const auto& runtime : registry.all()) {
    const runtime::Availability state = runtime->availability();
    rows.push_back({runtime->name(), state.available ? "yes" : "no", state.version, state.reason});
    list.push_back({{"runtime", runtime->name()},
                    {"available", state.available},
                    {"version", state.version},
                    {"reason", state.reason}});
  }
  std::cout << (options["format"] == "json" ? list.dump(2) + "\n" : text_table(rows));
  return program::kOk;
}

}  // namespace quench::cli
