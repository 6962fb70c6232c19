// An evaluation that is killed at any time and started again answers as one straight run.

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>

#include <chrono>
#include <thread>

#include "agent_testing.h"
#include "core/rng.h"
#include "pack_samples.h"

namespace quench {
namespace {

class AgentResume : public Agent {
 protected:
  /// Starts the agent without waiting. Returns its process id.
  pid_t start(const std::vector<std::string>& arguments) const {
    const pid_t child = ::fork();
    if (child != 0) return child;
    if (::chdir(folder_.c_str()) != 0) ::_exit(90);
    const int nowhere = ::open("/dev/null", O_WRONLY);
    ::dup2(nowhere, STDOUT_FILENO);
    ::dup2(nowhere, STDERR_FILENO);
    std::vector<char*> words{const_cast<char*>(QUENCH_AGENT_PROGRAM)};
    for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);
    ::execv(QUENCH_AGENT_PROGRAM, words.data());
    ::_exit(91);
  }

  int64_t lines_of_state() const {
    std::error_code ignored;
    if (!fs::exists(folder_ / "state", ignored)) return 0;
    const std::string content = read_file(folder_ / "state");
    return std::count(content.begin(), content.end(), '\n');
  }

  /// Starts, waits for `lines` lines of state, sends the signal. Returns the wait status.
  int interrupt(const std::vector<std::string>& arguments, int64_t lines, int signal) const {
    const pid_t child = start(arguments);
    int status = 0;
    while (lines_of_state() < lines) {
      if (::waitpid(child, &status, WNOHANG) == child) return status;  // done already
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ::kill(child, signal);
    ::waitpid(child, &status, 0);
    return status;
  }

  static std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += word + " ";
    return text;
  }

  /// Kills an evaluation again and again, and compares what it says in the end with one straight run.
  void expect_resumed(const std::vector<std::string>& eval, int signal) {
    const record::Record straight = one_record(joined(eval));
    std::vector<std::string> with_state = eval;
    with_state.insert(with_state.end(), {"--state", "state", "--state-seconds", "0"});
    int interrupted = 0;
    for (int64_t lines : {2, 6}) {
      const int status = interrupt(with_state, lines, signal);
      interrupted += signal == SIGKILL ? WIFSIGNALED(status) : WIFEXITED(status) && WEXITSTATUS(status) == 130;
    }
    EXPECT_GT(interrupted, 0) << "too fast to be caught";
    const int64_t kept = lines_of_state();
    EXPECT_GE(kept, 2);
    const record::Record resumed = one_record(joined(with_state));
    EXPECT_EQ(scores_of(resumed), scores_of(straight));
    EXPECT_GE(lines_of_state(), kept);
    const std::string journal = read_file(folder_ / "state");
    EXPECT_EQ(scores_of(one_record(joined(with_state))), scores_of(straight)) << "once more, from the journal alone";
    EXPECT_EQ(read_file(folder_ / "state"), journal);
    fs::remove(folder_ / "state");
  }
};

TEST_F(AgentResume, KilledAndStartedAgainEqualsAStraightRun) {
  agent::samples::write_classify_pack(folder_ / "many.qpack", 60);
  expect_resumed({"eval", "float.onnx", "--pack", "many.qpack", "--digest"}, SIGKILL);
  agent::samples::write_detect_pack(folder_ / "many.qpack", 45, agent::samples::detector(false));
  expect_resumed({"eval", "detect.onnx", "--pack", "many.qpack", "--digest", "--batch", "3"}, SIGKILL);
}

TEST_F(AgentResume, InterruptedSavesAndGoesOn) {
  agent::samples::write_classify_pack(folder_ / "many.qpack", 60);
  expect_resumed({"eval", "int8.onnx", "--pack", "many.qpack", "--digest"}, SIGTERM);
  expect_resumed({"eval", "int8.onnx", "--pack", "many.qpack", "--digest"}, SIGINT);
}

// A kill can end the file anywhere: it is cut at every length here.
TEST_F(AgentResume, JournalsTornAnywhere) {
  const std::string eval = "eval detect-int8.onnx --pack detect.qpack --digest --limit 4";
  const Json straight = scores_of(one_record(eval));
  const std::string with_state = eval + " --state state --state-seconds 0";
  ASSERT_EQ(agent(with_state).code, 0);
  const std::string whole = read_file(folder_ / "state");
  ASSERT_EQ(std::count(whole.begin(), whole.end(), '\n'), 5);
  Rng rng(1, "cuts");
  std::vector<size_t> lengths{0, 1, whole.find('\n'), whole.find('\n') + 1, whole.size() - 1};
  for (int i = 0; i < 6; ++i) lengths.push_back(rng.below(whole.size()));
  for (const size_t length : lengths) {
    pack::samples::put(folder_ / "state", whole.substr(0, length));
    EXPECT_EQ(scores_of(one_record(with_state)), straight) << length;
    EXPECT_EQ(read_file(folder_ / "state"), whole) << length;
  }
  pack::samples::put(folder_ / "state", whole.substr(0, whole.size() - 20) + std::string(19, '\0') + "\n");
  EXPECT_EQ(scores_of(one_record(with_state)), straight) << "what a power cut leaves";
}

TEST_F(AgentResume, JournalsOfOtherRunsAndOtherFiles) {
  const std::string eval = "eval float.onnx --pack classify.qpack --progress none --state state ";
  ASSERT_EQ(agent(eval + "--threads 1").code, 0);
  const std::string journal = read_file(folder_ / "state");
  expect_error(eval + "--threads 2", 2, {"another run", "threads 1 instead of 2", "delete it"});
  expect_error(eval + "--threads 1 --digest", 2, {"another run", "digest"});
  expect_error("eval int8.onnx --pack classify.qpack --threads 1 --progress none --state state", 2,
               {"another run", "model_sha256"});
  EXPECT_EQ(read_file(folder_ / "state"), journal);

  const std::string model = read_file(folder_ / "int8.onnx");
  expect_error("eval float.onnx --pack classify.qpack --progress none --state int8.onnx", 2,
               {"int8.onnx", "another file"});
  EXPECT_EQ(read_file(folder_ / "int8.onnx"), model) << "a file of the user's was overwritten";
  write_file(folder_ / "notes.json", "{\"a\": 1}\n");
  expect_error("eval float.onnx --pack classify.qpack --progress none --state notes.json", 2, {"another file"});
  expect_error("eval float.onnx --pack classify.qpack --progress none --state no/state", 3, {"no/state"});

  std::string damaged = journal;
  ASSERT_EQ(agent(eval + "--threads 1 --state-seconds 0 --state second").code, 0);
  damaged = read_file(folder_ / "second");
  damaged[damaged.find("\"first\":7")] = '?';
  pack::samples::put(folder_ / "second", damaged);
  expect_error(eval + "--threads 1 --state second", 2, {"second:9", "damaged"});
}

TEST_F(AgentResume, TwoAgentsDoNotShareAJournal) {
  const int held = ::open((folder_ / "state").c_str(), O_RDWR | O_CREAT, 0644);
  ASSERT_EQ(::flock(held, LOCK_EX), 0);
  const std::string eval = "eval float.onnx --pack classify.qpack --progress none --state state";
  expect_error(eval, 3, {"in use by another process"});
  ::close(held);
  EXPECT_EQ(agent(eval).code, 0);
}

TEST_F(AgentResume, ANestedStateIsDamaged) {
  const std::string eval = "eval float.onnx --pack classify.qpack --progress none --state state --state-seconds 0";
  const std::string deep = std::string(100000, '[') + std::string(100000, ']') + "\n";
  write_file(folder_ / "state", deep);
  expect_error(eval, 2, {"state", "another file"});
  fs::remove(folder_ / "state");
  ASSERT_EQ(agent(eval).code, 0);
  std::string journal = read_file(folder_ / "state");
  write_file(folder_ / "state", journal.insert(journal.find('\n') + 1, deep));
  expect_error(eval, 2, {"state:2", "damaged"});
  expect_error("eval float.onnx --pack classify.qpack --progress none --state /dev/zero", 3, {"/dev/zero"});
}

TEST_F(AgentResume, AFullDiskIsSaidAndLeavesWholeLines) {
  const std::string eval = "eval float.onnx --pack classify.qpack --digest --state state --state-seconds 0";
  // A limit on the size of files stands for a full disk (as a file system of that size would).
  const Outcome full = run(fmt::format("(ulimit -f 3; {} {} --progress none)", QUENCH_AGENT_PROGRAM, eval));
  EXPECT_EQ(full.code, 3) << full.err;
  EXPECT_NE(full.err.find("state"), std::string::npos) << full.err;
  const std::string kept = read_file(folder_ / "state");
  EXPECT_TRUE(kept.ends_with("\n"));
  EXPECT_GT(std::count(kept.begin(), kept.end(), '\n'), 1);
  const Json straight = scores_of(one_record("eval float.onnx --pack classify.qpack --digest"));
  EXPECT_EQ(scores_of(one_record(eval)), straight);
}

}  // namespace
}  // namespace quench
