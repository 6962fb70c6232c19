#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "core/file.h"
#include "core/text.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "train/loop/best_model.h"
#include "train/loop/trainer.h"
#include "train_samples.h"

extern char** environ;

namespace quench::train {
namespace {

constexpr const char* kFolderVariable = "QUENCH_TEST_RESUME_FOLDER";

FitResult train_in(const std::filesystem::path& folder) {
  FitContext context;
  context.folder = folder;
  Json config = samples::tiny_config();
  config["epochs"] = 6;
  config["threads"] = 2;
  return fit(samples::tiny_classifier(24, 10), samples::tiny_shapes(24, 800, 100), config, context);
}

/// Not a test by itself: what the child process of the next one runs.
TEST(ResumeChild, DISABLED_Trains) {
  const char* folder = std::getenv(kFolderVariable);
  ASSERT_NE(folder, nullptr);
  train_in(folder);
}

/// Starts this program again, to train in a process that can be killed.
pid_t start_child(const std::filesystem::path& folder) {
  setenv(kFolderVariable, folder.c_str(), 1);
  std::string program = "/proc/self/exe", filter = "--gtest_filter=ResumeChild.*",
              disabled = "--gtest_also_run_disabled_tests", quiet = "--gtest_brief=1";
  char* const arguments[] = {program.data(), filter.data(), disabled.data(), quiet.data(), nullptr};
  pid_t child = -1;
  if (posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, arguments, environ) != 0) return -1;
  return child;
}

size_t epochs_in(const std::filesystem::path& results) {
  if (!std::filesystem::exists(results)) return 0;
  const auto lines = split_text(read_file(results), '\n');
  return lines.empty() ? 0 : lines.size() - 1;
}

/// kill -9 in the middle, more than once, then resume: the same bits as one straight run.
TEST(Resume, KilledAndResumedEqualsStraight) {
  const samples::Folder folder;
  const graph::Graph wanted = train_in(folder.path() / "straight").graph;
  const auto killed = folder.path() / "killed";
  int kills = 0;
  for (const size_t epochs : {1, 3, 4}) {
    const pid_t child = start_child(killed);
    ASSERT_GT(child, 0);
    int status = 0;
    while (epochs_in(killed / "results.csv") < epochs && waitpid(child, &status, WNOHANG) == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(11 * epochs));  // somewhere in the next epoch
    kill(child, SIGKILL);
    if (waitpid(child, &status, 0) == child) kills += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  }
  EXPECT_GT(kills, 0);
  const FitResult resumed = train_in(killed);
  EXPECT_TRUE(resumed.graph == wanted);
  EXPECT_EQ(epochs_in(killed / "results.csv"), 6u);
}

/// With `keep: best`; stops after so many epochs (0: at the end). Warnings go to `warnings`.
FitResult train_best(const std::filesystem::path& folder, int stop_after, std::vector<std::string>* warnings) {
  CancelToken cancel;
  LogSink log;
  log.message = [&](LogLevel level, std::string_view text) {
    if (level == LogLevel::warning) warnings->emplace_back(text);
    if (stop_after > 0 && text.starts_with(fmt::format("epoch {}/", stop_after))) cancel.cancel();
  };
  FitContext context;
  context.folder = folder;
  context.log = &log;
  context.cancel = &cancel;
  Json config = samples::tiny_config();
  config["keep"] = "best";
  return fit(samples::tiny_classifier(24, 10), samples::tiny_shapes(), config, context);
}

/// A weight of another value: the file is a model still.
void change_a_weight(const std::filesystem::path& file) {
  graph::Graph graph = graph::read_model(file).graph;
  graph.weights.at("model.0.conv.weight").value.mutable_values<float>()[3] += 1;
  graph::save_onnx(graph, file);
}

TEST(Resume, ABestModelThatADiskChangedIsNotTaken) {
  const samples::Folder folder;
  std::vector<std::string> warnings;
  const graph::Graph wanted = train_best(folder.path() / "straight", 0, &warnings).graph;
  const auto broken = folder.path() / "broken";
  EXPECT_THROW(train_best(broken, 2, &warnings), Error);
  ASSERT_TRUE(std::filesystem::exists(broken / "best.onnx"));
  ASSERT_TRUE(warnings.empty());
  change_a_weight(broken / "best.onnx");
  const FitResult resumed = train_best(broken, 0, &warnings);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("best.onnx is damaged"), std::string::npos) << warnings[0];
  EXPECT_TRUE(resumed.graph == wanted) << "made again from the start";

  // After the training, asked for once more.
  change_a_weight(broken / "best.onnx");
  EXPECT_TRUE(train_best(broken, 0, &warnings).graph == wanted);
  EXPECT_EQ(warnings.size(), 2u);
}

TEST(Resume, ABestModelIsKnownAfterAKillBetweenItAndItsChecksum) {
  const samples::Folder folder;
  std::filesystem::create_directories(folder.path());
  const graph::Graph first = samples::tiny_classifier(24, 10, 1), second = samples::tiny_classifier(24, 10, 2);
  keep_best_model(folder.path(), first);
  const std::string old_bytes = read_file(folder.path() / "best.onnx");
  keep_best_model(folder.path(), second);
  EXPECT_TRUE(read_best_model(folder.path()) == second);
  write_file(folder.path() / "best.onnx", old_bytes);  // the checksums were written, the model was not
  EXPECT_TRUE(read_best_model(folder.path()) == first);
  graph::save_onnx(samples::tiny_classifier(24, 10, 3), folder.path() / "best.onnx");
  EXPECT_THROW(read_best_model(folder.path()), Error);
}

}  // namespace
}  // namespace quench::train
