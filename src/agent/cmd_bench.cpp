#include <memory>
#include <optional>

#include "agent/answer.h"
#include "agent/commands.h"
#include "agent/model_file.h"
#include "agent/timing.h"
#include "core/error.h"
#include "runtime/registry.h"

namespace quench::agent {
namespace {

/// Image 0 of the pack where it is of the model's size. Throws Error{data} where it is not.
Tensor image_for(const graph::Graph& graph, const pack::Reader* pack) {
  if (!pack) return runtime::noise_image(graph);
  Tensor image = pack->read(0, 1);
  const Shape& wanted = graph.edge(graph.inputs.at(0)).shape;
  if (image.shape() != wanted) {
    fail(ErrorKind::data, "[agent] expected a pack of images {} for this model, got {} ({})", to_string(wanted),
         to_string(image.shape()), pack->path().string());
  }
  return image;
}

}  // namespace

int run_bench(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = settings_of(invocation);
  std::optional<pack::Reader> pack;
  if (options["pack"].is_string()) pack.emplace(options["pack"].get<std::string>());
  const runtime::Registry registry = runtime::base_registry(environment.places);
  std::vector<graph::ModelFile> models;
  for (const std::string& file : invocation.inputs) models.push_back(read_model(file));

  std::vector<record::Record> records;
  for (const graph::ModelFile& model : models) {
    records.push_back(start_record(model, pack ? &*pack : nullptr, options, environment));
  }
  std::vector<platform::BenchEntry> entries;
  for (size_t i = 0; i < models.size(); ++i) {
    const Tensor image = image_for(models[i].graph, pack ? &*pack : nullptr);
    entries.push_back({.name = *records[i].cell,
                       .runtime = options["runtime"],
                       .model = &models[i],
                       .options = session_options(options),
                       .image = [image] { return image; },
                       .record = &records[i]});
  }
  time_all(entries, registry, options, environment.log, *environment.cancel);
  bool failed = false;
  for (record::Record& record : records) {
    answer(record, options);
    failed |= record.status != "ok";
  }
  return failed ? program::kCellFailed : program::kOk;
}

}  // namespace quench::agent
