#include "cli/together.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <thread>

#include "collectives/join.h"
#include "core/error.h"
#include "core/processors.h"
#include "core/text.h"
#include "processes/companions.h"
#include "processes/place.h"
#include "program/program.h"

namespace quench::cli {
namespace {

std::string of_environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// Whether this process is one of several that something else started. A step of srun is not, unless the user says so:
/// its tasks may each do work of their own.
bool joins(int asked) {
  if (!of_environment("RANK").empty() || !of_environment("WORLD_SIZE").empty()) return true;
  return asked > 1 && processes::is_started_as_one_of_several(of_environment);
}

int own_port() {
  const std::string text = of_environment("MASTER_PORT");
  return text.empty() ? 0 : std::atoi(text.c_str());
}

/// The lowest rank that is left reports.
bool reports(const processes::Group& group) {
  const std::vector<int> lost = group.lost_ranks();
  int first = 0;
  while (std::ranges::count(lost, first) > 0) ++first;
  return group.rank() == first;
}

/// A wish to stop that is the user's, or comes of a companion's failure.
class StopWithOthers {
 public:
  StopWithOthers(const CancelToken& user, const processes::Companions& others)
      : watcher_([this, &user, &others](const std::stop_token& end) {
          while (!end.stop_requested() && !user.cancelled() && others.failure().empty()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
          }
          if (!end.stop_requested()) stop_.cancel();
        }) {}
  const CancelToken& token() const { return stop_; }

 private:
  CancelToken stop_;
  std::jthread watcher_;
};

/// Says after some seconds what it waits for.
void tell_waiting(const std::stop_token& end, const processes::Place& place, const LogSink& log) {
  constexpr int kSilentSeconds = 5, kLooksASecond = 20;
  for (int i = 0; i < kSilentSeconds * kLooksASecond; ++i) {
    if (end.stop_requested()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1000 / kLooksASecond));
  }
  log.info(fmt::format("rank {} waits for the others of {} processes, at {}:{}", place.rank, place.world_size,
                       place.address, place.port));
}

/// "train of quench 0.1.0".
std::string own_command(const std::string& version) {
  const std::vector<std::string> arguments = processes::own_arguments();
  const auto command = std::find_if(arguments.begin() + 1, arguments.end(),
                                    [](const std::string& word) { return !word.starts_with('-'); });
  return fmt::format("{} of quench {}", command == arguments.end() ? "nothing" : *command, version);
}

/// Those that do other things would wait for each other without end.
void require_same_command(processes::Group& group, const std::string& version) {
  const std::vector<std::string> all = group.gather(own_command(version));
  for (size_t rank = 1; rank < all.size(); ++rank) {
    if (all[rank] == all[0]) continue;
    fail(ErrorKind::config, "[cli] expected the same command on all processes, got {} on rank 0, {} on {}", all[0],
         all[rank], group.name_of(static_cast<int>(rank)));
  }
}

int run_as(const processes::Place& place, const Json& given, const program::Environment& environment,
           const processes::Companions* companions, AfterLoss after, const std::function<int(const Together&)>& work) {
  collectives::JoinOptions options;
  options.interface = of_environment("GLOO_SOCKET_IFNAME");
  options.cuda = given.value("device", std::string("cpu")).starts_with("cuda");
  options.cancel = environment.cancel;
  if (companions) options.check = [companions] { companions->check(); };
  std::optional<std::jthread> waiting;
  if (!companions) waiting.emplace(tell_waiting, std::cref(place), std::cref(environment.log));
  const auto group = collectives::join(place, options);
  waiting.reset();
  program::Environment own = environment;
  if (!group->leads()) own.log = {};
  std::optional<StopWithOthers> stop;
  if (companions && after == AfterLoss::not_at_all)
    own.cancel = &stop.emplace(*environment.cancel, *companions).token();
  try {
    require_same_command(*group, environment.version);
    return work({own, group.get(), place.local_rank});
  } catch (const Error& error) {
    group->leave(error.kind(), error.what());
    if (stop && error.kind() == ErrorKind::cancelled && !environment.cancel->cancelled()) companions->check();
    if (!reports(*group)) return program::exit_code(error.kind());
    const std::string more = companions ? companions->failure() : "";
    if (group->lost_ranks().empty() || more.empty()) throw;
    throw Error(error.kind(), fmt::format("{}; {}", error.what(), more));
  } catch (const std::exception& error) {
    group->leave(ErrorKind::internal, error.what());
    throw;
  }
}

/// Throws Error{config} for a number of processes of this machine that cannot be meant, or, of those that train, one
/// above the images of a batch.
void require_sensible(int asked, const Json& given, AfterLoss after) {
  constexpr int kMost = 64, kMostAProcessor = 16;
  const int most = std::max(kMost, kMostAProcessor * usable_processors());
  if (asked > most) {
    fail(ErrorKind::config, "[cli] expected a --world-size of {} at most on {}, got {}", most,
         counted(usable_processors(), "processor"), asked);
  }
  if (after == AfterLoss::until_they_meet) {
    processes::require_an_image_each(asked, given.value("batch", int64_t{asked}));
  }
}

}  // namespace

int run_together(const Json& given, const program::Environment& environment,
                 const std::function<int(const Together&)>& work, AfterLoss after) {
  const int asked = given.value("world_size", 0);
  if (joins(asked)) {
    const processes::Place place = processes::place_of(of_environment, asked);
    if (place.among_others()) return run_as(place, given, environment, nullptr, after, work);
  } else if (asked > 1) {
    if (const std::string why = collectives::why_not(); !why.empty()) {
      fail(ErrorKind::unsupported, "[cli] expected one process, got --world-size {}: {}", asked, why);
    }
    require_sensible(asked, given, after);
    const processes::Companions companions(processes::own_arguments(), asked, own_port());
    return run_as(companions.place(), given, environment, &companions, after, work);
  }
  return work({environment, nullptr, 0});
}

bool is_one_of_several(const Json& given) {
  const int asked = given.value("world_size", 0);
  return asked > 1 || (joins(asked) && processes::place_of(of_environment, asked).among_others());
}

}  // namespace quench::cli
