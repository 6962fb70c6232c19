#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/log.h"
#include "record/record.h"
#include "remote/remote.h"
#include "score/evaluation.h"

namespace quench::remote {

/// The agent's file for a machine, looked for near a program: in its folder, the one above it, and ../lib/quench; in
/// each as `quench-agent-MACHINE`, `agent-MACHINE/quench-agent`, `agent/quench-agent`, `quench-agent`, where that is a
/// program for it. machine: as `uname -m` says. Throws Error{config} naming what would make it.
std::filesystem::path find_agent(const std::string& machine, const std::filesystem::path& program_folder);

/// The machine that a program file is for ("aarch64", "x86_64"); empty for what is no ELF file of a known one.
std::string program_machine(const std::filesystem::path& file);

/// A device that quench-agent runs on.
struct AgentPlace {
  std::string address;                   ///< ssh://user@host:port
  std::string name;                      ///< what its records' `device` says; empty: the host
  std::filesystem::path agent;           ///< its file of quench-agent; empty: find_agent()
  std::filesystem::path program_folder;  ///< for find_agent()
  SshOptions ssh;
};

/// A run of quench-agent (docs/agent.md).
struct AgentRequest {
  std::string command;                    ///< bench | layers | eval | run | predict
  std::vector<RemoteFile> models;         ///< eval, run and predict: one; layers: what is to be timed
  std::optional<RemoteFile> pack;         ///< sample pack
  std::optional<RemoteFile> source = {};  ///< predict: a tar of pictures
  Json settings = Json::object();         ///< the agent's flags by key, as in its docs: {"threads": 4}
  bool predictions = false;               ///< eval and run: bring what the model says of each image, too
};

/// What came back.
struct AgentAnswer {
  std::vector<record::Record> records;           ///< one a model, in their order; predict: none
  std::vector<Json> lines = {};                  ///< predict: what the agent printed, an object each
  std::optional<score::Evaluation> predictions;  ///< where asked for, and the model ran
};

/// quench-agent on a device.
class RemoteAgent {
 public:
  /// First contact, and the right agent for the machine. Throws Error{config} for an address that is none, and what
  /// RemoteDevice and find_agent() throw. log and cancel must outlive this.
  RemoteAgent(const AgentPlace& place, const LogSink& log, const CancelToken& cancel);

  const std::string& name() const { return name_; }

  /// Copies what is missing there, runs the agent, and brings its records. Its messages and
  /// progress go to the log. With eval and run, a job that a restarted machine lost goes on behind the last saved
  /// image. Throws Error of the agent's own kind where it refuses the request or its system does, Error{backend} where
  /// it ends in another way (killed, say), Error{data} for predictions that are none or of another number of images
  /// than its record says, and what RemoteDevice throws.
  AgentAnswer run(const AgentRequest& request);

 private:
  const LogSink& log_;
  RemoteDevice device_;
  RemoteFile agent_;
  std::string name_;
};

}  // namespace quench::remote
