#include "cli/study_executors.h"

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "core/printable.h"
#include "core/text.h"
#include "remote/ssh.h"
#include "study/slurm.h"
#include "study/worker_pool.h"

namespace quench::cli {
namespace {

namespace fs = std::filesystem;

fs::path this_program() { return fs::read_symlink("/proc/self/exe"); }

/// `study WHAT FILE --out ...`, with the paths as they are to be on the other side.
std::vector<std::string> study_words(const std::string& program, const std::string& what, const std::string& file,
                                     const Json& options, const study::RunContext& context) {
  std::vector<std::string> words{program, "study", what, file, "--out", context.folder.string()};
  if (options["stages"].is_string()) {
    words.insert(words.end(), {"--stages", options["stages"].get<std::string>()});
  }
  return words;
}

std::vector<study::WorkerCommand> local_workers(const std::string& file, const Json& options,
                                                const study::RunContext& context) {
  std::vector<study::WorkerCommand> commands;
  const int64_t workers = options["jobs"];
  for (int64_t i = 0; i < workers; ++i) {
    std::vector<std::string> words = study_words(this_program().string(), "work", file, options, context);
    words.insert(words.end(), {"--attended", "--worker", std::to_string(i), "--workers", std::to_string(workers)});
    commands.push_back({fmt::format("worker {}", i + 1), std::move(words)});
  }
  return commands;
}

/// Where the built-in data sets are, where that is not each machine's own place.
std::string asked_data_root(const program::Environment& environment) {
  return environment.data_root == environment.places.cache_folder ? "" : environment.data_root.string();
}

std::vector<study::WorkerCommand> ssh_workers(const std::string& file, const Json& options,
                                              const study::StudyFile& study, const study::RunContext& context,
                                              const program::Environment& environment) {
  if (study.hosts.empty()) {
    fail(ErrorKind::config,
         "[study.hosts] expected hosts for --executor ssh, got none: name them in the study file, as `hosts: "
         "[ssh://user@node1, {{address: ssh://user@node2, workers: 2}}]`");
  }
  std::vector<study::WorkerCommand> commands;
  for (const study::HostEntry& host : study.hosts) {
    const remote::SshAddress address = remote::parse_ssh_address(host.address);
    for (int64_t i = 0; i < host.workers; ++i) {
      std::vector<std::string> there =
          study_words(host.program.empty() ? this_program().string() : host.program, "work", file, options, context);
      there.insert(there.end(),
                   {"--attended", "--worker", std::to_string(i), "--workers", std::to_string(host.workers)});
      const std::string data_root = host.data_root.empty() ? asked_data_root(environment) : host.data_root;
      std::string script = fmt::format(
          "cd {} && exec env {}", remote::shell_quote(host.folder.empty() ? fs::current_path().string() : host.folder),
          data_root.empty() ? "" : "QUENCH_DATA=" + remote::shell_quote(data_root));
      for (const std::string& word : there) script += " " + remote::shell_quote(word);
      constexpr int kAliveSeconds = 15;  // a network that goes is seen within a minute
      std::vector<std::string> words = remote::ssh_words(address, host.ssh_config, kAliveSeconds);
      words.push_back(script);
      const std::string name = host.workers > 1 ? fmt::format("{}, worker {}", host.address, i + 1) : host.address;
      commands.push_back({name, std::move(words), true});
    }
  }
  return commands;
}

void submit(const std::string& file, const Json& options, const study::StudyFile& study,
            const study::RunContext& context, const program::Environment& environment, const study::OpenJobs& open) {
  const std::string program = this_program().string();
  study::SlurmCommand command{fs::current_path(), study_words(program, "work", file, options, context),
                              study_words(program, "collect", file, options, context)};
  const study::SlurmSubmission made =
      study::submit_to_slurm(study, context.folder, open, command, environment.log, *environment.cancel);
  if (made.jobs == 0) {
    environment.log.info("nothing to submit: `quench study collect` writes the page");
    return;
  }
  environment.log.info(fmt::format("{} submitted in {}, the last of which writes the page; scripts and logs: {}",
                                   counted(made.jobs, "job"), counted(made.calls, "call of sbatch", "calls of sbatch"),
                                   printable_line(made.folder.string())));
  environment.log.info(
      fmt::format("`quench study status {}` says how they stand, `quench study cancel` stops them", file));
}

}  // namespace

study::RunOptions run_options(const Json& options, const std::string& file, const study::StudyFile& study,
                              const study::RunContext& context, const program::Environment& environment,
                              bool& submitted) {
  const std::string executor = options["executor"];
  const int64_t jobs = options["jobs"];
  study::RunOptions how;
  if (executor == "local" && jobs == 1) return how;
  if (executor != "local" && jobs != 1) {
    fail(ErrorKind::config, "[cli] expected --jobs with --executor local, got it with {}: {}", executor,
         executor == "ssh" ? "`workers` of each host says how many work there"
                           : "`at_once` under `slurm` says how many of an array run at once");
  }
  how.retry = options["retry"].get<bool>() ? study::Retry::always : study::Retry::twice;
  how.locks = executor == "local";
  if (executor == "slurm") {
    submitted = true;
    how.elsewhere = [&, file](const study::OpenJobs& open) {
      submit(file, options, study, context, environment, open);
    };
    return how;
  }
  const std::vector<study::WorkerCommand> commands = executor == "local"
                                                         ? local_workers(file, options, context)
                                                         : ssh_workers(file, options, study, context, environment);
  how.elsewhere = [&, commands](const study::OpenJobs& open) {
    if (std::ranges::all_of(open.graph.jobs(), [&](const study::Job& job) {
          return open.results.state(static_cast<size_t>(&job - open.graph.jobs().data())) ==
                 study::JobState::done_before;
        })) {
      return;
    }
    study::run_workers(commands, {}, environment.log, *environment.cancel);
  };
  return how;
}

}  // namespace quench::cli
