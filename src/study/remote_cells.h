#pragma once

#include <map>
#include <memory>
#include <string>

#include "core/error.h"
#include "remote/remote_agent.h"
#include "study/run.h"
#include "study/stages.h"

namespace quench::study {

/// Runs cells on their devices by quench-agent: accuracy over a sample pack of the test split, and latency, in one go.
class RemoteCells {
 public:
  /// All must outlive this.
  RemoteCells(const StudyFile& study, Stages& stages, const RunContext& context);

  /// Fills what the device measured into a cell's record (accuracy once for each model and runtime: the number of
  /// threads does not change it), how far what it said of the images agrees with `simulated`, and its status and reason
  /// where the runtime there cannot run the model. A device that could not be reached once is not tried again for the
  /// next cell. Throws what RemoteAgent throws.
  void run(const Cell& cell, const graph::ModelFile& model, const score::Evaluation& simulated, record::Record& record);

 private:
  remote::RemoteAgent& agent(const DeviceEntry& device);
  remote::AgentAnswer ask(const DeviceEntry& entry, remote::RemoteAgent& device, const remote::AgentRequest& request);
  const remote::RemoteFile& pack(const graph::Graph& graph);

  const StudyFile& study_;
  Stages& stages_;
  const RunContext& context_;
  std::map<std::string, std::unique_ptr<remote::RemoteAgent>> agents_;  ///< by the device's name
  std::map<std::string, Error> failures_;                               ///< likewise
  std::map<std::string, remote::RemoteFile> packs_;                     ///< by path
  std::map<std::string, record::Record> scored_;  ///< answers with scores, by device, runtime and model
};

}  // namespace quench::study
