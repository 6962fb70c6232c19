#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "cli/lab_commands.h"
#include "cli/print.h"
#include "config/tables.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/json_text.h"
#include "core/rng.h"
#include "core/task.h"
#include "core/text.h"
#include "data/loading/loader.h"
#include "data/sets/find.h"
#include "data/sets/open.h"

namespace quench::cli {
namespace {

/// A line of /proc/self/status in bytes: "VmRSS", "VmHWM". 0 where the system does not say.
int64_t memory_bytes(const std::string& line) {
  std::ifstream status("/proc/self/status");
  for (std::string name; status >> name; std::getline(status, name)) {
    int64_t kilobytes = 0;
    if (name == line + ":" && status >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

std::vector<int> numbers_of(const std::string& text) {
  std::vector<int> out;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, ',');) {
    int number = -1;
    const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (code != std::errc() || end != word.data() + word.size() || number < 0 || number > 256) {
      fail(ErrorKind::config,
           "data speed: expected numbers of threads from 0 to 256, as in `--workers 1,2,4`, got '{}'", text);
    }
    out.push_back(number);
  }
  if (out.empty()) fail(ErrorKind::config, "data speed: expected numbers of threads, got none");
  return out;
}

/// What opening a set took.
struct Opened {
  data::Splits splits;
  int64_t open_ns = 0, memory_bytes = 0, peak_bytes = 0;
};

Opened open_timed(const program::Invocation& invocation, const Json& options, const program::Environment& environment,
                  bool anew) {
  const std::filesystem::path root = data::root_of(options, environment.data_root);
  const std::string source = data::find_file(invocation.inputs.at(0), root).string();
  const int64_t before = memory_bytes("VmRSS"), start_ns = now_ns();
  Opened out;
  out.splits =
      data::open(source, root, data::Opening{.log = environment.log, .cancel = environment.cancel, .anew = anew});
  out.open_ns = now_ns() - start_ns;
  out.memory_bytes = std::max<int64_t>(0, memory_bytes("VmRSS") - before);
  out.peak_bytes = memory_bytes("VmHWM");
  for (const std::string& note : out.splits.notes) environment.log.warning(note);
  return out;
}

/// A pass over some pictures.
struct Pass {
  int64_t first_ns = 0;  ///< until the first batch is there
  int64_t all_ns = 0;
  int64_t images = 0;
};

Pass pass_over(const std::shared_ptr<const data::Dataset>& split, data::LoaderOptions loading,
               const CancelToken& cancel) {
  const int64_t start_ns = now_ns();
  Pass out;
  data::Loader loader(split, std::move(loading));
  loader.start(0);
  while (const auto batch = loader.next()) {
    if (out.images == 0) out.first_ns = now_ns() - start_ns;
    out.images += static_cast<int64_t>(batch->indices.size());
    cancel.check();
  }
  out.all_ns = now_ns() - start_ns;
  return out;
}

double rate(const Pass& pass) {
  return pass.all_ns > 0 ? static_cast<double>(pass.images) * 1e9 / static_cast<double>(pass.all_ns) : 0;
}

}  // namespace

int run_data_index(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = lab_settings(invocation);
  const Opened opened = open_timed(invocation, options, environment, true);
  const auto say = [&](const char* name, const data::Dataset& split) {
    environment.log.info(fmt::format("{}: {}, {}{}", name, counted(split.size(), "picture"),
                                     counted(std::ssize(split.classes()), "class", "classes"),
                                     options["digest"].get<bool>() ? ", digest " + split.digest().substr(0, 16) : ""));
  };
  say("train", *opened.splits.train);
  if (!opened.splits.same_images) say("test", *opened.splits.test);
  if (opened.splits.validation) say("validation", *opened.splits.validation);
  environment.log.info(fmt::format("opened in {:.2f} s, at most {} of memory",
                                   static_cast<double>(opened.open_ns) / 1e9, bytes_text(opened.peak_bytes)));
  return program::kOk;
}

int run_data_speed(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = lab_settings(invocation);
  const std::vector<int> workers = numbers_of(options["workers"].get<std::string>());
  const Opened opened = open_timed(invocation, options, environment, false);
  const auto& split = options["split"] == "train" ? opened.splits.train : opened.splits.test;
  data::LoaderOptions loading;
  const bool objects = labels_of(split->task()) == Labels::objects;
  loading.imgsz = options["imgsz"] > 0 ? options["imgsz"].get<int>() : objects ? 640 : 224;
  loading.batch = options["batch"].get<int64_t>();
  loading.shuffle = true;
  loading.augment = options["augment"].get<bool>();
  if (loading.augment) loading.augmentation = config::augment_options().defaults();
  // Each number of threads has pictures of its own, so that what another pass read does not help it.
  Rng rng(0, "speed");
  const std::vector<int64_t> order = permutation(split->size(), rng);
  const int64_t each = std::min(options["count"].get<int64_t>(), split->size() / std::ssize(workers));
  if (each < 1) {
    fail(ErrorKind::config, "data speed: expected a picture or more for each of {} numbers of threads, got {}",
         workers.size(), split->size());
  }
  std::vector<std::vector<std::string>> rows{{"threads", "pictures", "first batch ms", "pictures/s", "a thread",
                                              "again: first batch ms", "pictures/s", "a thread"}};
  Json list = Json::array();
  for (size_t i = 0; i < workers.size(); ++i) {
    loading.workers = workers[i];
    const auto begin = order.begin() + static_cast<std::ptrdiff_t>(i) * each;
    loading.subset.assign(begin, begin + each);
    const Pass first = pass_over(split, loading, *environment.cancel);
    const Pass again = pass_over(split, loading, *environment.cancel);
    const int threads = std::max(1, workers[i]);
    std::vector<std::string> row{std::to_string(workers[i]), std::to_string(first.images)};
    for (const Pass& pass : {first, again}) {
      row.push_back(fmt::format("{:.1f}", static_cast<double>(pass.first_ns) / 1e6));
      row.push_back(fmt::format("{:.1f}", rate(pass)));
      row.push_back(fmt::format("{:.1f}", rate(pass) / threads));
    }
    rows.push_back(std::move(row));
    list.push_back({{"workers", workers[i]},
                    {"images", first.images},
                    {"first_batch_ns", first.first_ns},
                    {"images_per_s", rate(first)},
                    {"again_first_batch_ns", again.first_ns},
                    {"again_images_per_s", rate(again)}});
  }
  if (options["format"] == "json") {
    std::cout << json_text(Json{{"name", opened.splits.name},
                                {"images", split->size()},
                                {"imgsz", loading.imgsz},
                                {"batch", loading.batch},
                                {"open_ns", opened.open_ns},
                                {"open_memory_bytes", opened.memory_bytes},
                                {"open_peak_bytes", opened.peak_bytes},
                                {"passes", list}},
                           2)
              << "\n";
    return program::kOk;
  }
  std::cout << fmt::format("{} of {} pictures, fitted to {} px, in batches of {}\n", opened.splits.name,
                           grouped(split->size()), loading.imgsz, loading.batch)
            << fmt::format("opened in {:.2f} s, {} of memory for the list (process at most {})\n\n",
                           static_cast<double>(opened.open_ns) / 1e9, bytes_text(opened.memory_bytes),
                           bytes_text(opened.peak_bytes))
            << text_table(rows)
            << "\nThe first pass finds the files as they are (read from storage where nothing has read them since the "
               "system started), the second finds them in memory.\n";
  return program::kOk;
}

}  // namespace quench::cli
