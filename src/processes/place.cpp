#include "processes/place.h"

#include <charconv>
#include <optional>

#include "core/error.h"

namespace quench::processes {
namespace {

constexpr int kLargestPort = 65535;
constexpr int kMostProcesses = 65536;

std::optional<int64_t> number(const std::string& text) {
  int64_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// A variable that is a whole number in a range.
int whole(const Variables& variables, const char* name, int64_t least, int64_t most, const char* beside) {
  const std::string text = variables(name);
  if (text.empty()) fail(ErrorKind::config, "[processes] expected {} beside {}, got none", name, beside);
  const std::optional<int64_t> value = number(text);
  if (!value || *value < least || *value > most) {
    fail(ErrorKind::config, "[processes] expected {} in {}..{}, got '{}'", name, least, most, text);
  }
  return static_cast<int>(*value);
}

int whole_or(const Variables& variables, const char* name, int fallback, int64_t most) {
  return variables(name).empty() ? fallback : whole(variables, name, 0, most, name);
}

void require_rank(const Place& place, const char* rank, const char* size) {
  if (place.rank < place.world_size) return;
  fail(ErrorKind::config, "[processes] expected {} below {} ({}), got {}", rank, size, place.world_size, place.rank);
}

Place torchrun_place(const Variables& variables) {
  Place place;
  place.rank = whole(variables, "RANK", 0, kMostProcesses, "WORLD_SIZE");
  place.world_size = whole(variables, "WORLD_SIZE", 1, kMostProcesses, "RANK");
  require_rank(place, "RANK", "WORLD_SIZE");
  place.local_rank = whole_or(variables, "LOCAL_RANK", place.rank, kMostProcesses);
  if (!place.among_others()) return place;
  place.address = variables("MASTER_ADDR");
  if (place.address.empty()) {
    fail(ErrorKind::config,
         "[processes] expected MASTER_ADDR, the host of rank 0, beside RANK and WORLD_SIZE, got none");
  }
  place.port = whole(variables, "MASTER_PORT", 1, kLargestPort, "RANK and WORLD_SIZE");
  const std::string kept = variables("TORCHELASTIC_USE_AGENT_STORE");
  if (kept == "True" || kept == "true" || kept == "1") place.port += place.port < kLargestPort ? 1 : -1;
  return place;
}

bool in_slurm_step(const Variables& variables) {
  return !variables("SLURM_PROCID").empty() && number(variables("SLURM_STEP_NUM_TASKS")).value_or(1) > 1;
}

Place slurm_place(const Variables& variables) {
  Place place;
  place.rank = whole(variables, "SLURM_PROCID", 0, kMostProcesses, "SLURM_STEP_NUM_TASKS");
  place.world_size = whole(variables, "SLURM_STEP_NUM_TASKS", 1, kMostProcesses, "SLURM_PROCID");
  require_rank(place, "SLURM_PROCID", "SLURM_STEP_NUM_TASKS");
  place.local_rank = whole_or(variables, "SLURM_LOCALID", place.rank, kMostProcesses);
  place.address = variables("MASTER_ADDR");
  if (place.address.empty()) place.address = first_host(variables("SLURM_STEP_NODELIST"));
  if (place.address.empty()) place.address = first_host(variables("SLURM_JOB_NODELIST"));
  if (place.address.empty()) {
    fail(ErrorKind::config,
         "[processes] expected SLURM_STEP_NODELIST, or MASTER_ADDR, the host of rank 0, beside SLURM_PROCID, got none");
  }
  // Below the ports that systems give out by themselves (32768 on), and another one for each step of a job.
  const int64_t job = number(variables("SLURM_JOB_ID")).value_or(0),
                step = number(variables("SLURM_STEP_ID")).value_or(0);
  const auto chosen = static_cast<int>(12000 + (job * 7 + step) % 20000);
  place.port =
      variables("MASTER_PORT").empty() ? chosen : whole(variables, "MASTER_PORT", 1, kLargestPort, "SLURM_PROCID");
  return place;
}

}  // namespace

bool is_started_as_one_of_several(const Variables& variables) {
  const bool torchrun = !variables("RANK").empty() || !variables("WORLD_SIZE").empty();
  return torchrun || in_slurm_step(variables);
}

Place place_of(const Variables& variables, int asked) {
  Place place;
  const char* source = "WORLD_SIZE";
  if (!variables("RANK").empty() || !variables("WORLD_SIZE").empty()) {
    place = torchrun_place(variables);
  } else if (in_slurm_step(variables)) {
    place = slurm_place(variables);
    source = "SLURM_STEP_NUM_TASKS";
  } else {
    return place;
  }
  if (asked > 0 && asked != place.world_size) {
    fail(ErrorKind::config, "[processes] expected --world-size {}, as {} says, got {}", place.world_size, source,
         asked);
  }
  return place;
}

std::string first_host(std::string_view list) {
  const size_t end = list.find_first_of("[,");
  std::string host(list.substr(0, end));
  if (end == std::string_view::npos || list[end] == ',') return host;
  list.remove_prefix(end + 1);
  host += list.substr(0, list.find_first_of("-,]"));
  // A name may go on after the brackets: "rack[1-2]-a".
  const size_t close = list.find(']');
  if (close == std::string_view::npos) return host;
  list.remove_prefix(close + 1);
  return host + std::string(list.substr(0, list.find_first_of(",[")));
}

void require_an_image_each(int processes, int64_t batch) {
  if (batch >= processes) return;
  fail(ErrorKind::config,
       "[processes] expected at least an image a batch for each of {} processes (`world_size`), got batches of {}",
       processes, batch);
}

}  // namespace quench::processes
