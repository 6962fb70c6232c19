#include "study/slurm.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <set>

#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json_text.h"
#include "core/process.h"
#include "core/text.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostTasks = 1000;  ///< of an array: Slurm's MaxArraySize is 1001 where nobody set it

/// A word of Slurm, what kind of error it is, and what to do.
struct Advice {
  const char* word;
  ErrorKind kind;
  const char* what;
};

const Advice kAdvice[] = {
    {"invalid partition", ErrorKind::config,
     "`sinfo -s` lists the partitions: name one under `slurm: {all: {partition: ...}}`"},
    {"Invalid account", ErrorKind::config,
     "`sacctmgr show associations user=$USER` lists your accounts: name one under `slurm: {all: {account: ...}}`"},
    {"Invalid qos", ErrorKind::config, "`sacctmgr show qos` lists them: name one under `slurm: {all: {qos: ...}}`"},
    {"Invalid feature", ErrorKind::config, "`sinfo -o '%N %f'` lists the nodes' features: correct `constraint`"},
    {"gres", ErrorKind::config, "`sinfo -o '%N %G'` lists the nodes' GPUs: correct `gpus` or `partition`"},
    {"More processors requested", ErrorKind::config, "no node has so many: lower `cpus`"},
    {"node configuration is not available", ErrorKind::config,
     "no node of the partition has what is asked for: `sinfo -N -l` lists them; lower `cpus`, `memory` or `gpus`"},
    {"PartitionConfig", ErrorKind::config,
     "no node of the partition has what is asked for: `sinfo -N -l` lists them; lower `cpus`, `memory` or `gpus`, "
     "cancel and run again"},
    {"BadConstraints", ErrorKind::config,
     "no node of the partition has what is asked for: `sinfo -N -l` lists them; lower `cpus`, `memory` or `gpus`, and "
     "run again"},
    {"Memory specification", ErrorKind::config, "no node has so much: lower `memory`"},
    {"time limit is invalid", ErrorKind::config,
     "the partition allows less: `sinfo -o '%P %l'`; lower `time`, a training goes on from its checkpoint"},
    {"Requested time limit", ErrorKind::config,
     "the partition allows less: `sinfo -o '%P %l'`; lower `time`, a training goes on from its checkpoint"},
    {"PartitionTimeLimit", ErrorKind::config,
     "the partition allows less time: lower `time` under `slurm`, cancel and run again"},
    {"MaxSubmitJob", ErrorKind::io,
     "you may have no more jobs in the queue: wait until some have ended, and run again, which submits what is left"},
    {"violates accounting/QOS policy", ErrorKind::io,
     "a limit of your account or QOS is reached: `sacctmgr show qos` lists them; wait until jobs have ended, and run "
     "again"},
    {"Limit", ErrorKind::io,
     "a limit of your account is reached: it starts when others have ended; `sacctmgr show associations user=$USER` "
     "lists them"},
    {"launch failed requeued held", ErrorKind::io,
     "a node could not start it, and it waits until it is let go: `scontrol release` with its number"},
    {"JobHeld", ErrorKind::io, "it is held: `scontrol release` with its number lets it go"},
    {"configuration source", ErrorKind::unsupported,
     "Slurm's commands are here, but no cluster: run this on a login node, or say by SLURM_CONF where slurm.conf is"},
    {"Unable to contact", ErrorKind::io, "the controller does not answer: `scontrol ping` says more; try again later"},
    {"Socket timed out", ErrorKind::io, "the controller is busy: try again later"},
    {"ReqNodeNotAvail", ErrorKind::io,
     "the node is down, drained or reserved: `sinfo -R` says why; it starts when it is back, or ask for others under "
     "`slurm`"},
    {"PartitionDown", ErrorKind::io, "the partition is down: it starts when it is back, or name another under `slurm`"},
    {"DependencyNeverSatisfied", ErrorKind::io, "a job before it failed: run again"},
    {"TIMEOUT", ErrorKind::io,
     "its time was up: run again, a training goes on from its checkpoint; give more `time` under `slurm`"},
    {"OUT_OF_MEMORY", ErrorKind::io, "give more `memory` under `slurm`, and run again"},
    {"NODE_FAIL", ErrorKind::io, "its node was lost: Slurm starts it again, or run again"},
    {"DOWN", ErrorKind::io, "its node is down: `sinfo -R` says why"},
    {"PREEMPTED", ErrorKind::io, "others came first: it goes on from its checkpoint when Slurm starts it again"},
};

const Advice* advice_of(const std::string& said) {
  const auto found =
      std::ranges::find_if(kAdvice, [&](const Advice& one) { return said.find(one.word) != std::string::npos; });
  return found == std::end(kAdvice) ? nullptr : &*found;
}

/// A command of Slurm's; nothing where it is not installed.
std::optional<ProcessResult> call(const std::vector<std::string>& words, const CancelToken* cancel = nullptr) {
  try {
    ProcessOptions options;
    options.timeout_seconds = 120;
    options.cancel = cancel;
    options.keep_bytes = size_t{64} << 20;
    return run_process(words, options);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    return std::nullopt;
  }
}

[[noreturn]] void fail_without() {
  fail(ErrorKind::unsupported,
       "[study.slurm] expected Slurm's `sbatch` here, got none: run this on a login node of the cluster, or load its "
       "module; without Slurm: --executor ssh, or --executor local --jobs N");
}

std::string sbatch(const fs::path& script, const CancelToken& cancel) {
  const std::optional<ProcessResult> result = call({"sbatch", "--parsable", script.string()}, &cancel);
  if (!result) fail_without();
  const std::string said = last_line(result->error);
  if (result->exit_code == 0) {
    const std::string id = last_line(result->output);
    return id.substr(0, id.find(';'));
  }
  // The word that tells may stand on any line.
  const Advice* advice = advice_of(result->error);
  fail(advice ? advice->kind : ErrorKind::io, "[study.slurm] sbatch refused {}: {}{}", script.string(), said,
       advice ? fmt::format(": {}", advice->what) : "");
}

int64_t most_tasks() {
  const std::optional<ProcessResult> result = call({"scontrol", "show", "config"});
  if (!result) fail_without();
  const size_t at = result->output.find("MaxArraySize");
  if (at == std::string::npos) return kMostTasks;
  const size_t number = result->output.find_first_of("0123456789", at);
  if (number == std::string::npos) return kMostTasks;
  int64_t size = 0;
  std::from_chars(result->output.data() + number, result->output.data() + result->output.size(), size);
  return std::max<int64_t>(1, size - 1);
}

fs::path jobs_file(const fs::path& results) { return results / "slurm" / "jobs.jsonl"; }

struct Submitted {
  std::string id;                           ///< "123"
  std::map<std::string, std::string> keys;  ///< of jobs, by the task: "123_4"
};

/// Calls of sbatch, the oldest first.
std::vector<Submitted> submitted(const fs::path& results) {
  std::vector<Submitted> calls;
  std::ifstream in(jobs_file(results));
  for (std::string line; std::getline(in, line);) {
    try {
      const Json said = parse_json(line, "jobs.jsonl");
      Submitted one{said.at("id").get<std::string>(), {}};
      for (const auto& [index, key] : said.at("tasks").items()) {
        one.keys[one.id + "_" + index] = key.get<std::string>();
      }
      calls.push_back(std::move(one));
    } catch (const std::exception&) {
      // torn
    }
  }
  return calls;
}

/// "123_4|PENDING|Priority|node1|..." lines, by the task; of entries that are no array too.
void add_lines(const std::string& lines, std::map<std::string, SlurmJob>& jobs) {
  for (const std::string& line : split_text(lines, '\n')) {
    const std::vector<std::string> parts = split_text(line, '|');
    if (parts.size() < 3 || parts[0].empty()) continue;  // no node yet: the last one may be missing
    SlurmJob job{parts[0], parts[1].substr(0, parts[1].find(' ')), parts[2] == "None" ? "" : parts[2],
                 parts.size() > 3 ? parts[3] : ""};
    jobs.try_emplace(job.id, job);
  }
}

bool in_queue(const std::string& state) {
  const std::set<std::string> ended{"COMPLETED", "CANCELLED", "FAILED",    "TIMEOUT",       "NODE_FAIL",
                                    "PREEMPTED", "DEADLINE",  "BOOT_FAIL", "OUT_OF_MEMORY", "REVOKED"};
  return !ended.contains(state);
}

/// All that squeue knows of mine, also what ended a moment ago.
std::map<std::string, SlurmJob> queue() {
  std::map<std::string, SlurmJob> jobs;
  const auto result = call({"squeue", "--me", "-h", "-r", "-t", "all", "-o", "%i|%T|%r|%N"});
  if (result && result->exit_code == 0) add_lines(result->output, jobs);
  return jobs;
}

/// Entries of the queue that are of the study.
std::vector<std::string> queued(const fs::path& results) {
  std::set<std::string> ids;
  for (const Submitted& one : submitted(results)) ids.insert(one.id);
  std::vector<std::string> found;
  for (const auto& [task, job] : queue()) {
    if (in_queue(job.state) && ids.contains(task.substr(0, task.find('_')))) found.push_back(task);
  }
  return found;
}

std::string dependency_of(const SlurmArray& array, const std::vector<std::string>& ids) {
  if (array.same_index) return "aftercorr:" + ids.at(*array.same_index);
  std::string text;
  for (const SlurmArray::Before& before : array.ended) {
    text += fmt::format("{}{}_{}", text.empty() ? "afterany:" : ":", ids.at(before.array), before.index);
  }
  return text;
}

}  // namespace

std::string slurm_advice(const std::string& said) {
  const Advice* advice = advice_of(said);
  return advice ? advice->what : "";
}

std::string SlurmJob::text() const {
  std::string text = fmt::format("slurm {} {}", id, state);
  if (!reason.empty()) text += fmt::format(" ({})", reason);
  if (!node.empty()) text += " on " + node;
  std::string advice = slurm_advice(state);
  if (advice.empty()) advice = slurm_advice(reason);
  return advice.empty() ? text : text + ": " + advice;
}

SlurmSubmission submit_to_slurm(const StudyFile& study, const fs::path& results, const OpenJobs& open,
                                const SlurmCommand& command, const LogSink& log, const CancelToken& cancel) {
  const int64_t most = most_tasks();
  if (const std::vector<std::string> left = queued(results); !left.empty()) {
    fail(ErrorKind::io,
         "[study.slurm] expected no job of an earlier submission in the queue, got {}, the first {}: wait until they "
         "have ended (`quench study status`), or take them back (`quench study cancel`)",
         left.size(), left.front());
  }
  const JobGraph& graph = open.graph;
  const SeenMarks seen = see_marks(open.stores);
  std::vector<bool> is_open(graph.jobs().size());
  std::vector<bool> never(graph.jobs().size());  // failed twice the same way, or needs what did
  SlurmSubmission submission;
  for (size_t i = 0; i < is_open.size(); ++i) {
    const Job& job = graph.job(i);
    const JobSigns* signs = seen.of(job);
    const bool lost_before = std::ranges::any_of(job.after, [&](size_t before) { return bool(never[before]); });
    never[i] = (signs && signs->failed) || (lost_before && !job.runs_after_failures);
    is_open[i] = open.results.state(i) == JobState::to_do && !never[i];
    submission.jobs += is_open[i];
  }
  if (submission.jobs == 0) return submission;
  const std::vector<SlurmArray> arrays = slurm_plan(graph, is_open, most);
  std::string time = utc_now();
  std::erase(time, ':');
  submission.folder = fs::absolute(results) / "slurm" / time;
  const SlurmScripts scripts{study.name, submission.folder, command.work_folder, command.work};
  std::vector<std::string> ids;
  const auto submit = [&](const std::string& name, const std::string& script, const Json& tasks) {
    cancel.check();
    const fs::path file = submission.folder / (name + ".sbatch");
    write_file(file, script);
    ids.push_back(sbatch(file, cancel));
    ++submission.calls;
    append_line(jobs_file(results), json_text({{"id", ids.back()}, {"name", name}, {"tasks", tasks}}));
  };
  std::set<std::string> needed;  // by others: the page waits for the last ones alone
  try {
    for (const SlurmArray& array : arrays) {
      write_file(submission.folder / (array.name + ".keys"), keys_text(array, graph));
      Json tasks = Json::object();
      for (const SlurmArray::Task& task : array.tasks) tasks[std::to_string(task.index)] = graph.job(task.place).key;
      const std::string dependency = dependency_of(array, ids);
      submit(array.name, sbatch_script(scripts, array, study.slurm.of(array.kind), dependency), tasks);
      if (array.same_index) needed.insert(ids.at(*array.same_index));
      log.show_progress(fmt::format("submitted {} of {}", submission.calls, arrays.size()));
    }
    std::vector<std::string> last;
    std::ranges::copy_if(ids, std::back_inserter(last), [&](const std::string& id) { return !needed.contains(id); });
    submit("collect",
           collect_script(scripts, command.collect, study.slurm.all, fmt::format("afterany:{}", fmt::join(last, ":"))),
           Json::object());
  } catch (const Error& error) {
    if (submission.calls == 0) throw;
    fail(error.kind(),
         "{} ({} of {} calls of sbatch went before: their jobs run, and `quench study cancel` takes them back)",
         error.what(), submission.calls, arrays.size() + 1);
  }
  return submission;
}

std::map<std::string, SlurmJob> slurm_jobs(const fs::path& results, const LogSink& log) {
  std::map<std::string, SlurmJob> by_key;
  const std::vector<Submitted> calls = submitted(results);
  if (calls.empty()) return by_key;
  std::map<std::string, SlurmJob> by_task = queue();
  std::vector<std::string> unknown;
  for (const Submitted& one : calls) {
    if (std::ranges::any_of(one.keys, [&](const auto& task) { return !by_task.contains(task.first); })) {
      unknown.push_back(one.id);
    }
  }
  if (!unknown.empty()) {
    const auto result = call({"sacct", "-n", "-X", "-P", "--delimiter=|", "-o", "JobID,State,Reason,NodeList", "-j",
                              fmt::format("{}", fmt::join(unknown, ","))});
    if (!result) log.warning("Slurm does not answer: what it says of the jobs is not shown");
    if (result && result->exit_code == 0) add_lines(result->output, by_task);
  }
  for (const Submitted& one : calls) {
    for (const auto& [task, key] : one.keys) {
      if (const auto found = by_task.find(task); found != by_task.end()) by_key[key] = found->second;
    }
  }
  return by_key;
}

int64_t cancel_slurm(const fs::path& results) {
  if (submitted(results).empty()) return 0;
  const std::vector<std::string> left = queued(results);
  constexpr size_t kAtOnce = 500;
  for (size_t i = 0; i < left.size(); i += kAtOnce) {
    std::vector<std::string> words{"scancel"};
    words.insert(words.end(), left.begin() + static_cast<std::ptrdiff_t>(i),
                 left.begin() + static_cast<std::ptrdiff_t>(std::min(left.size(), i + kAtOnce)));
    const auto result = call(words);
    if (!result) fail_without();
    if (result->exit_code != 0) fail(ErrorKind::io, "[study.slurm] scancel failed: {}", last_line(result->error));
  }
  return std::ssize(left);
}

}  // namespace quench::study
