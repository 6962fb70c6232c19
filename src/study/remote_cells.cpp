#include "study/remote_cells.h"

#include "study/cell_record.h"
#include "study/outcomes_file.h"

namespace quench::study {

RemoteCells::RemoteCells(const StudyFile& study, Stages& stages, const RunContext& context)
    : study_(study), stages_(stages), context_(context) {}

remote::RemoteAgent& RemoteCells::agent(const DeviceEntry& device) {
  if (const auto failed = failures_.find(device.name); failed != failures_.end()) throw failed->second;
  std::unique_ptr<remote::RemoteAgent>& agent = agents_[device.name];
  if (agent) return *agent;
  const remote::AgentPlace place{.address = device.address,
                                 .name = device.name,
                                 .agent = device.agent,
                                 .program_folder = context_.program_folder,
                                 .ssh = {.config = device.ssh_config}};
  try {
    agent = std::make_unique<remote::RemoteAgent>(place, *context_.log, *context_.cancel);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::cancelled) failures_.emplace(device.name, error);
    throw;
  }
  return *agent;
}

const remote::RemoteFile& RemoteCells::pack(const graph::Graph& graph) {
  const std::filesystem::path path = stages_.pack(graph);
  const auto [found, is_new] = packs_.try_emplace(path.string());
  if (is_new) found->second = remote::RemoteFile::of_file("pack", path);
  return found->second;
}

remote::AgentAnswer RemoteCells::ask(const DeviceEntry& entry, remote::RemoteAgent& device,
                                     const remote::AgentRequest& request) {
  try {
    return device.run(request);
  } catch (const Error& error) {
    // It is gone: the next cell makes a new first contact, which does not wait for it to come back.
    if (error.kind() == ErrorKind::io) agents_.erase(entry.name);
    throw;
  }
}

void RemoteCells::run(const Cell& cell, const graph::ModelFile& model, const score::Evaluation& simulated,
                      record::Record& record) {
  remote::RemoteAgent& device = agent(cell.device);
  const std::string key = cell.device.name + " " + cell.runtime + " " + model.sha256;
  const auto scored = scored_.find(key);
  remote::AgentRequest request;
  request.command = scored == scored_.end() ? "run" : "bench";
  request.predictions = request.command == "run";
  request.models.push_back(remote::RemoteFile::of_bytes(artifact_name(cell), model.bytes));
  request.pack = pack(model.graph);
  request.settings = study_.bench;
  if (request.command == "run" && study_.detect.is_object()) {
    request.settings.update(study_.detect);
    request.settings.erase("rect");
  }
  request.settings["runtime"] = cell.runtime;
  request.settings["threads"] = cell.threads;
  context_.log->info(fmt::format("{}: {} on {}", cell.id, request.command == "run" ? "accuracy and latency" : "latency",
                                 device.name()));
  const remote::AgentAnswer whole = ask(cell.device, device, request);
  record::Record answer = whole.records.front();
  if (scored != scored_.end()) {
    record::copy_accuracies(answer, scored->second);
    answer.agreement = scored->second.agreement;
    answer.outcomes = scored->second.outcomes;
  } else if (answer.status == "ok") {
    if (!whole.predictions || whole.predictions->samples != simulated.samples) {
      fail(ErrorKind::data, "{}: expected what the model says of {} images, got {}", device.name(), simulated.samples,
           whole.predictions ? whole.predictions->samples : 0);
    }
    answer.agreement = score::agreement(*whole.predictions, simulated);
    set_map_interval(answer, whole.predictions->outcomes);
    if (whole.predictions->outcomes) answer.outcomes = write_outcomes(*whole.predictions->outcomes, context_.folder);
    scored_[key] = answer;
  }
  record.status = answer.status;
  record.host.reset();  // those of the device
  record.quench_version.reset();
  record::fill_missing(record, answer);
  const int64_t left_out = stages_.data().test->size() - record.samples.value_or(stages_.data().test->size());
  if (left_out > 0) record.left_out = left_out;  // of the pack
}

}  // namespace quench::study
