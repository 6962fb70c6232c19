#include "study/slurm_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "core/error.h"
#include "core/text.h"
#include "remote/ssh.h"

namespace quench::study {
namespace {

constexpr int kEndSeconds = 60;  ///< before its time is up a job is told to leave a checkpoint

std::string command_text(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + remote::shell_quote(word);
  return text;
}

/// A path in an #SBATCH line, where '%' begins a pattern and quotes hold blanks together.
std::string pattern_path(const std::filesystem::path& path) {
  std::string text;
  for (const char c : path.string()) {
    if (c == '"' || c == '\\' || c == '\n') {
      fail(ErrorKind::config, "[study.slurm] expected a folder of results without quotes, got {}", path.string());
    }
    text += c == '%' ? "%%" : std::string(1, c);
  }
  return text;
}

/// 0-3,7: as Slurm writes the indexes of an array.
std::string indexes_text(const std::vector<SlurmArray::Task>& tasks) {
  std::string text;
  for (size_t i = 0; i < tasks.size();) {
    size_t last = i;
    while (last + 1 < tasks.size() && tasks[last + 1].index == tasks[last].index + 1) ++last;
    text += fmt::format("{}{}", text.empty() ? "" : ",", tasks[i].index);
    if (last > i) text += fmt::format("-{}", tasks[last].index);
    i = last + 1;
  }
  return text;
}

std::string directives(const Json& settings) {
  std::string text;
  const auto add = [&](const std::string& line) { text += "#SBATCH " + line + "\n"; };
  const auto with = [&](const char* key, const char* flag) {
    if (const std::string value = settings[key]; !value.empty()) add(fmt::format("{}={}", flag, value));
  };
  if (const int64_t cpus = settings["cpus"]; cpus > 0) add(fmt::format("--cpus-per-task={}", cpus));
  if (const int64_t gpus = settings["gpus"]; gpus > 0) add(fmt::format("--gres=gpu:{}", gpus));
  with("memory", "--mem");
  with("time", "--time");
  with("partition", "--partition");
  with("account", "--account");
  with("qos", "--qos");
  with("constraint", "--constraint");
  if (settings["exclusive"].get<bool>()) add("--exclusive");
  for (const Json& option : settings["options"]) add(option.get<std::string>());
  return text;
}

std::string setup_lines(const SlurmScripts& scripts, const Json& settings) {
  std::string text = fmt::format("cd {} || exit 3\n", remote::shell_quote(scripts.work_folder.string()));
  for (const Json& line : settings["setup"]) text += line.get<std::string>() + "\n";
  return text;
}

}  // namespace

std::vector<SlurmArray> slurm_plan(const JobGraph& graph, const std::vector<bool>& is_open, int64_t most_tasks) {
  std::vector<SlurmArray> arrays;
  std::vector<std::optional<SlurmArray::Before>> where(graph.jobs().size());
  // Of arrays that go on: the array before, the kind, and how many tasks of this kind the same task before it has.
  std::map<std::tuple<std::optional<size_t>, std::string, int64_t>, size_t> open;
  std::map<std::pair<size_t, std::string>, int64_t> siblings;  // by the place before and the kind
  const auto begin = [&](const std::string& kind) -> SlurmArray& {
    SlurmArray& made = arrays.emplace_back();
    made.name = fmt::format("{:02}-{}", arrays.size(), kind);
    made.kind = kind;
    return made;
  };
  for (size_t i = 0; i < graph.jobs().size(); ++i) {
    if (!is_open[i]) continue;
    const Job& job = graph.job(i);
    std::vector<SlurmArray::Before> before;
    for (const size_t place : job.after) {
      if (where[place]) before.push_back(*where[place]);
    }
    if (!before.empty() && (job.runs_after_failures || before.size() > 1)) {
      SlurmArray& alone = begin(job.kind);
      alone.ended = before;
      alone.tasks.push_back({0, i});
      where[i] = {arrays.size() - 1, 0};
      continue;
    }
    std::optional<size_t> parent;
    int64_t rank = 0;
    if (!before.empty()) {
      parent = before[0].array;
      const size_t place = *std::ranges::find_if(job.after, [&](size_t one) { return where[one].has_value(); });
      rank = siblings[{place, job.kind}]++;
    }
    auto found = open.find({parent, job.kind, rank});
    if (found != open.end() && !parent && std::ssize(arrays[found->second].tasks) >= most_tasks) {
      open.erase(found);
      found = open.end();
    }
    if (found == open.end()) {
      SlurmArray& made = begin(job.kind);
      made.same_index = parent;
      found = open.emplace(std::tuple(parent, job.kind, rank), arrays.size() - 1).first;
    }
    SlurmArray& array = arrays[found->second];
    const int64_t index = parent ? before[0].index : std::ssize(array.tasks);
    array.tasks.push_back({index, i});
    where[i] = {found->second, index};
  }
  for (SlurmArray& array : arrays) std::ranges::sort(array.tasks, {}, &SlurmArray::Task::index);
  return arrays;
}

std::string sbatch_script(const SlurmScripts& scripts, const SlurmArray& array, const Json& settings,
                          const std::string& dependency) {
  std::string text = fmt::format("#!/bin/sh\n# {} of kind {} of the study {}: {}.keys names them.\n",
                                 counted(std::ssize(array.tasks), "job"), array.kind, scripts.study, array.name);
  text += fmt::format("#SBATCH --job-name=\"{}.{}\"\n", pattern_path(scripts.study), array.kind);
  const int64_t at_once = settings["at_once"];
  text +=
      fmt::format("#SBATCH --array={}{}\n", indexes_text(array.tasks), at_once > 0 ? fmt::format("%{}", at_once) : "");
  text += fmt::format("#SBATCH --output=\"{}/{}-%a.log\"\n#SBATCH --open-mode=append\n", pattern_path(scripts.folder),
                      array.name);
  // Preempted, or its node was lost: it goes on from its checkpoint. What waits for a job that failed goes, too.
  text +=
      fmt::format("#SBATCH --requeue\n#SBATCH --kill-on-invalid-dep=yes\n#SBATCH --signal=B:TERM@{}\n", kEndSeconds);
  text += directives(settings);
  if (!dependency.empty()) text += fmt::format("#SBATCH --dependency={}\n", dependency);
  text += setup_lines(scripts, settings);
  text += fmt::format("key=$(awk -v task=\"$SLURM_ARRAY_TASK_ID\" '$1 == task {{ print $2 }}' {})\n",
                      remote::shell_quote((scripts.folder / (array.name + ".keys")).string()));
  return text + fmt::format("exec {} --key \"$key\"\n", command_text(scripts.work));
}

std::string keys_text(const SlurmArray& array, const JobGraph& graph) {
  std::string text;
  for (const SlurmArray::Task& task : array.tasks) {
    const Job& job = graph.job(task.place);
    text += fmt::format("{} {} {}\n", task.index, job.key, job.name);
  }
  return text;
}

std::string collect_script(const SlurmScripts& scripts, const std::vector<std::string>& words, const Json& settings,
                           const std::string& dependency) {
  Json small = settings;  // of `all`: a page needs no more than one processor
  small["cpus"] = small["gpus"] = 0;
  small["exclusive"] = false;
  std::string text =
      fmt::format("#!/bin/sh\n# Writes the page of the study {} when its jobs have ended.\n", scripts.study);
  text += fmt::format("#SBATCH --job-name=\"{}.collect\"\n", pattern_path(scripts.study));
  text += fmt::format("#SBATCH --output=\"{}/collect.log\"\n#SBATCH --open-mode=append\n#SBATCH --requeue\n",
                      pattern_path(scripts.folder));
  text += directives(small);
  if (!dependency.empty()) text += fmt::format("#SBATCH --dependency={}\n", dependency);
  return text + setup_lines(scripts, settings) + fmt::format("exec {}\n", command_text(words));
}

}  // namespace quench::study
