#include <iostream>
#include <memory>

#include "cli/base_commands.h"
#include "cli/model_argument.h"
#include "cli/print.h"
#include "core/clock.h"
#include "core/rng.h"
#include "platform/measured.h"
#include "runtime/measure.h"

namespace quench::cli {
namespace {

/// Seeded noise: one image of the model's size. Latency of dense arithmetic does not depend on the values.
Tensor noise_image(const graph::Graph& graph) {
  Shape shape = graph.edge(graph.inputs.at(0)).shape;
  Tensor image(DType::u8, shape);
  Rng rng(0, "bench image");
  for (uint8_t& value : image.mutable_values<uint8_t>()) value = static_cast<uint8_t>(rng.below(256));
  return image;
}

record::Record record_of(const graph::ModelFile& model, const Json& options, const Environment& environment) {
  record::Record record;
  record.cell = model.path.string();
  platform::set_model(record, model);
  record.runtime = options["runtime"];
  record.threads = options["threads"].get<int64_t>();
  platform::set_host(record, environment.version);
  record.config = options;
  return record;
}

}  // namespace

int run_bench(const Invocation& invocation, const Environment& environment, const runtime::Registry& registry) {
  const Json options = settings(command("bench"), Json::object(), invocation);
  const runtime::Runtime& runtime = registry.require(options["runtime"]);
  runtime::SessionOptions session_options;
  session_options.threads = options["threads"];
  std::vector<graph::ModelFile> models;
  std::vector<std::unique_ptr<runtime::Session>> sessions;
  std::vector<runtime::Session*> running;
  std::vector<Tensor> inputs;
  for (const std::string& argument : invocation.inputs) {
    models.push_back(open_model(argument, options));
    sessions.push_back(runtime.load(models.back(), session_options));
    running.push_back(sessions.back().get());
    inputs.push_back(runtime::to_input(noise_image(models.back().graph), sessions.back()->input_dtype()));
    for (const std::string& note : sessions.back()->notes()) {
      environment.log.info(fmt::format("{}: {}", argument, note));
    }
  }
  const runtime::MeasureOptions measuring{.min_samples = options["min_samples"].get<int64_t>(),
                                          .min_seconds = options["min_seconds"].get<double>()};
  const auto measured = runtime::measure_interleaved(running, inputs, measuring, *environment.cancel);

  std::vector<record::Record> records;
  for (size_t i = 0; i < models.size(); ++i) {
    record::Record record = record_of(models[i], options, environment);
    platform::set_latency(record, measured[i].latency);
    record.time = utc_now();
    if (!measured[i].stable) environment.log.warning(fmt::format("{}: latency not stable after warm-up", *record.cell));
    records.push_back(std::move(record));
  }
  std::cout << render(records, options["format"]);
  return kOk;
}

int run_runtimes(const Invocation& invocation, const Environment&, const runtime::Registry& registry) {
  const Json options = settings(command("runtimes"), Json::object(), invocation);
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
  return kOk;
}

}  // namespace quench::cli
