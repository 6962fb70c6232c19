// Files and jobs on a device: a real sshd on loopback, whose connections are cut and whose disk is full.
#include "remote/remote.h"

#include <sys/mount.h>

#include <algorithm>
#include <atomic>
#include <map>

#include "core/hash.h"
#include "core/text.h"
#include "error_testing.h"
#include "remote/remote_agent.h"
#include "remote_testing.h"

namespace quench::remote {
namespace {

namespace fs = std::filesystem;

class RemoteDeviceTest : public RemoteTest {
 protected:
  RemoteDevice device() { return RemoteDevice(parse_ssh_address(server_->address()), options_, log_, cancel_); }
  RemoteFile agent() const { return RemoteFile::of_file("agent", fs::path(QUENCH_SOURCE_DIR) / "tests/fake_agent.sh"); }
  static RemoteFile model(const std::string& lines) { return RemoteFile::of_bytes("model", lines + "\n"); }
  std::vector<std::string> far_lines(const std::string& name) const {
    return split_text(read_file(server_->home() / name), '\n');
  }
  RemoteAgent far_agent() {
    return RemoteAgent({server_->address(), "nano", fs::path(QUENCH_SOURCE_DIR) / "tests/fake_agent.sh", "", options_},
                       log_, cancel_);
  }
  static std::vector<record::Record> run(RemoteAgent& far, const std::string& lines) {
    AgentRequest request;
    request.command = "eval";
    request.models.push_back(model(lines));
    return far.run(request).records;
  }
  size_t far_count(const std::string& name) const {
    return fs::exists(server_->home() / name) ? far_lines(name).size() : 0;
  }
  /// Waits for what must come, a minute at most.
  static void await(const std::function<bool()>& come, const std::string& what) {
    for (int i = 0; i < 3000 && !come(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    ASSERT_TRUE(come()) << what;
  }
  /// A workstation that begins a job and dies, once some work is done.
  void leave_behind(const std::string& lines, size_t pieces) {
    const size_t before = far_count("work");
    const pid_t workstation = ::fork();
    if (workstation == 0) {
      ::setenv("TMPDIR", folder_.c_str(), 1);  // what it cannot remove goes with the test
      RemoteAgent far = far_agent();
      run(far, lines);
      ::_exit(0);
    }
    await([&] { return far_count("work") >= before + pieces; }, "the job began");
    ::kill(workstation, SIGKILL);
    ::waitpid(workstation, nullptr, 0);
    server_->drop();
  }
  bool ended_there() const {
    for (const auto& entry : fs::recursive_directory_iterator(server_->cache() / "jobs")) {
      if (entry.path().filename().string().starts_with("exit-")) return true;
    }
    return false;
  }
  /// Whether a process runs; a zombie that nobody has waited for has no command line.
  static bool runs(pid_t process) {
    const fs::path file = fmt::format("/proc/{}/cmdline", process);
    return fs::exists(file) && !read_file(file).empty();
  }
};

std::string noise(size_t size) {
  std::string bytes(size, '\0');
  uint32_t state = 1;
  for (char& c : bytes) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return bytes;
}

/// The beginning of a 64-bit little-endian program for a machine of ELF's number.
std::string elf_head(char machine) {
  return std::string(
             "\x7f"
             "ELF\x02\x01\x01",
             7) +
         std::string(9, '\0') + std::string("\x02\0", 2) + machine + std::string(50, '\0');
}

TEST_F(RemoteDeviceTest, FilesAreCopiedOnceAndWhole) {
  RemoteDevice far = device();
  EXPECT_EQ(far.machine(), split_text(run_process({"uname", "-m"}).output, '\n')[0]);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{20} << 20}) {
    const RemoteFile file = RemoteFile::of_bytes("model", noise(size));
    const fs::path path = far.put(file);
    EXPECT_EQ(path, server_->cache() / file.sha256);
    EXPECT_EQ(sha256_file(path), file.sha256);
    EXPECT_EQ(fs::status(path).permissions() & fs::perms::mask, fs::perms::owner_all) << "nobody else's to read";
    const auto written = fs::last_write_time(path);
    EXPECT_EQ(device().put(file), path);
    EXPECT_EQ(fs::last_write_time(path), written);
  }
  EXPECT_EQ(cached().size(), 3u);
  // From a file it is the same.
  const RemoteFile from_file = RemoteFile::of_file("agent", fs::path(QUENCH_SOURCE_DIR) / "tests/fake_agent.sh");
  EXPECT_EQ(sha256_file(far.put(from_file)), from_file.sha256);
}

TEST_F(RemoteDeviceTest, ACopyThatAPowerCutEmptiedIsMadeAgain) {
  const RemoteFile file = RemoteFile::of_bytes("model", noise(5000));
  const fs::path path = device().put(file);
  for (const size_t left : {0, 4096}) {
    fs::resize_file(path, left);
    EXPECT_EQ(device().put(file), path);
    EXPECT_EQ(sha256_file(path), file.sha256);
  }
  EXPECT_EQ(cached().size(), 1u);
}

TEST_F(RemoteDeviceTest, ACopyGoesOnWhereTheConnectionWasCut) {
  RemoteDevice far = device();
  const RemoteFile file = RemoteFile::of_bytes("pack", noise(size_t{40} << 20));
  std::atomic<int> cuts = 0;
  std::vector<std::thread> cutters;
  std::vector<double> seen;
  log_.progress = [&](std::string_view text) {
    seen.push_back(std::stod(std::string(text.substr(text.find("pack, ") + 6))));
    if (cutters.size() >= 3) return;
    cutters.emplace_back([&, wait = 15 * cutters.size()] {  // amid a piece, most likely
      std::this_thread::sleep_for(std::chrono::milliseconds(20 + wait));
      cuts += server_->drop();
    });
  };
  const fs::path path = far.put(file);
  for (std::thread& cutter : cutters) cutter.join();
  EXPECT_EQ(sha256_file(path), file.sha256);
  EXPECT_GT(cuts, 0);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end())) << "what has arrived is not sent again";
  EXPECT_EQ(cached(), (std::vector<std::string>{file.sha256})) << "no piece is left";
}

TEST_F(RemoteDeviceTest, AFileThatArrivesDamagedIsNotUsed) {
  RemoteDevice far = device();
  RemoteFile file = RemoteFile::of_bytes("model", "as it is");
  file.sha256 = sha256_hex("as it was");
  const auto [kind, message] = error_of([&] { far.put(file); });
  EXPECT_EQ(kind, ErrorKind::io);
  EXPECT_NE(message.find("take model whole"), std::string::npos) << message;
  EXPECT_TRUE(warned("arrived damaged"));
  EXPECT_TRUE(cached().empty());
}

TEST_F(RemoteDeviceTest, AFileThatIsTooLargeLeavesNothing) {
  RemoteDevice far = device();
  server_->set_session("ulimit -f 1000");  // of 512 bytes each
  const auto [kind, message] = error_of([&] { far.put(RemoteFile::of_bytes("pack", noise(1 << 20))); });
  EXPECT_EQ(kind, ErrorKind::io);
  for (const char* part : {"pack (1.0 MB) could not be stored", ".cache/quench-agent", "127.0.0.1"}) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
  EXPECT_TRUE(cached().empty());
}

/// A far side whose disk has a megabyte.
class FullDiskTest : public RemoteDeviceTest {
 protected:
  void SetUp() override {
    RemoteDeviceTest::SetUp();
    if (IsSkipped()) return;
    fs::create_directories(server_->cache());
    if (::mount("none", server_->cache().c_str(), "tmpfs", 0, "size=1m") != 0) GTEST_SKIP() << "needs to mount a tmpfs";
    mounted_ = true;
  }
  void TearDown() override {
    if (mounted_) ::umount2(server_->cache().c_str(), MNT_DETACH);
    RemoteDeviceTest::TearDown();
  }
  /// Leaves so many bytes.
  void fill_but(size_t rest) const {
    write_file(server_->cache() / "ballast", std::string(fs::space(server_->cache()).available - rest, 'x'));
  }
  bool mounted_ = false;
};

TEST_F(FullDiskTest, ACopyFailsWithTheSystemsWordAndLeavesNothing) {
  RemoteDevice far = device();
  const std::string small = far.put(RemoteFile::of_bytes("model", noise(100'000)));
  const auto [kind, message] = error_of([&] { far.put(RemoteFile::of_bytes("pack", noise(3 << 20))); });
  EXPECT_EQ(kind, ErrorKind::io);
  for (const char* part : {"pack (3.1 MB) could not be stored", "No space left on device"}) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
  EXPECT_EQ(cached(), (std::vector<std::string>{fs::path(small).filename().string()}));
}

TEST_F(FullDiskTest, AJobThatCannotWriteIsNoAnswer) {
  RemoteAgent far = far_agent();
  run(far, "steps=1");
  device().put(model("code=1 status=failed"));
  fill_but(0);
  const auto [kind, message] = error_of([&] { run(far, "code=1 status=failed"); });
  EXPECT_NE(kind, ErrorKind::internal) << message;
  EXPECT_EQ(jobs(), 0);
  fs::remove(server_->cache() / "ballast");
  EXPECT_EQ(run(far, "code=1 status=failed").at(0).status, "failed") << "with room it goes";
}

TEST_F(FullDiskTest, AJobThatFillsTheDiskEndsWithItsCode) {
  RemoteAgent far = far_agent();
  run(far, "steps=1");
  device().put(model("steps=5000"));
  fill_but(6 * 4096);  // enough to begin
  const auto [kind, message] = error_of([&] { run(far, "steps=5000"); });
  EXPECT_TRUE(kind == ErrorKind::io || kind == ErrorKind::backend) << message;
  EXPECT_TRUE(message.find("exit code 3") != std::string::npos || message.find("No space") != std::string::npos)
      << message;
  EXPECT_EQ(jobs(), 0);
}

TEST_F(RemoteDeviceTest, AJobGivesLinesOutputAndCode) {
  RemoteDevice far = device();
  const RemoteFile program = RemoteFile::of_bytes(
      "agent", "#!/bin/sh\nfor word; do printf '<%s>' \"$word\"; done\necho; echo one >&2; echo two >&2; exit 3\n");
  const std::string path = far.put(program);
  std::vector<std::string> lines;
  std::string folder;
  const std::vector<std::string> odd{"it's", "a b", "$HOME", "`x`", "new\nline", "", "*"};
  const RemoteEnd end = far.run(
      [&](const std::string& job) {
        folder = job;
        std::vector<std::string> words{path};
        words.insert(words.end(), odd.begin(), odd.end());
        return words;
      },
      [&](std::string_view line) { lines.emplace_back(line); });
  EXPECT_EQ(end.exit_code, 3);
  std::string expected;
  for (const std::string& word : odd) expected += "<" + word + ">";
  EXPECT_EQ(end.output, expected + "\n");
  EXPECT_EQ(lines, (std::vector<std::string>{"one", "two"}));
  EXPECT_TRUE(folder.starts_with(server_->cache().string())) << folder;
  EXPECT_EQ(jobs(), 0) << "nothing of it stays";
}

TEST_F(RemoteDeviceTest, AJobGoesOnWithoutTheConnection) {
  RemoteAgent far = far_agent();
  int progress = 0, cuts = 0;
  std::vector<int64_t> done;
  log_.step = [&](const Step& step) {
    done.push_back(step.done);
    if (++progress == 2 || progress == 4) cuts += server_->drop() > 0;
    if (progress == 5) {  // and the server itself goes away for a while
      server_->stop();
      std::thread([this] {
        std::this_thread::sleep_for(std::chrono::milliseconds(1500));
        server_->start();
      }).detach();
    }
  };
  const auto records = run(far, "steps=8; pause=0.6");
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].top1, 0.5);
  EXPECT_EQ(records[0].device, "nano");
  EXPECT_EQ(cuts, 2);
  EXPECT_TRUE(warned("connection lost"));
  EXPECT_EQ(done, (std::vector<int64_t>{1, 2, 3, 4, 5, 6, 7, 8})) << "every line once, in order";
  EXPECT_EQ(far_lines("work").size(), 8u) << "and all work once";
  EXPECT_EQ(jobs(), 0);
}

TEST_F(RemoteDeviceTest, AJobThatVanishedGoesOnFromItsState) {
  RemoteAgent far = far_agent();
  int progress = 0;
  log_.step = [&](const Step&) {
    if (++progress != 3) return;
    // As a restart of the machine: all of the job ends, at once and without a word.
    for (const auto& job : fs::directory_iterator(server_->cache() / "jobs")) {
      ::kill(-std::stoi(read_file(job.path() / "pid")), SIGKILL);
    }
  };
  const auto records = run(far, "steps=20; pause=0.4");
  EXPECT_EQ(records.at(0).status, "ok");
  EXPECT_TRUE(warned("starting it again"));
  EXPECT_EQ(far_lines("calls").size(), 2u);
  EXPECT_LE(far_lines("work").size(), 21u) << "of twenty pieces, at most the one that was cut is done twice";
  EXPECT_EQ(jobs(), 0);
}

TEST_F(RemoteDeviceTest, CancelEndsTheJobToo) {
  RemoteAgent far = far_agent();
  pid_t job_process = 0;
  log_.step = [&](const Step&) {
    for (const auto& job : fs::directory_iterator(server_->cache() / "jobs")) {
      job_process = std::stoi(read_file(job.path() / "pid"));
    }
    cancel_.cancel();
  };
  EXPECT_EQ(error_of([&] { run(far, "steps=1000; pause=0.2"); }).first, ErrorKind::cancelled);
  ASSERT_GT(job_process, 0);
  EXPECT_EQ(jobs(), 0);
  EXPECT_FALSE(runs(job_process));
}

TEST_F(RemoteDeviceTest, CancelEndsAnAgentThatIgnoresSignals) {
  RemoteAgent far = far_agent();
  log_.step = [&](const Step&) { cancel_.cancel(); };
  EXPECT_EQ(error_of([&] { run(far, "trap '' TERM; echo $$ >$HOME/agent; steps=1000; pause=0.2"); }).first,
            ErrorKind::cancelled);
  EXPECT_FALSE(runs(std::stoi(read_file(server_->home() / "agent"))));
  EXPECT_EQ(jobs(), 0);
}

TEST_F(RemoteDeviceTest, CancelEndsTheAgentWithoutSetsidToo) {
  fs::create_directories(folder_ / "bin");
  for (const auto& program : fs::directory_iterator("/usr/bin")) {
    if (program.path().filename() != "setsid") {
      fs::create_symlink(program.path(), folder_ / "bin" / program.path().filename());
    }
  }
  server_->set_session("PATH=" + (folder_ / "bin").string());
  RemoteAgent far = far_agent();
  log_.step = [&](const Step&) { cancel_.cancel(); };
  EXPECT_EQ(error_of([&] { run(far, "echo $$ >$HOME/agent; steps=1000; pause=0.2"); }).first, ErrorKind::cancelled);
  EXPECT_FALSE(runs(std::stoi(read_file(server_->home() / "agent"))));
  EXPECT_EQ(jobs(), 0);
}

TEST_F(RemoteDeviceTest, AJobWhoseWorkstationDiedIsFoundAndFollowed) {
  const std::string lines = "steps=12; pause=0.5";
  leave_behind(lines, 2);
  EXPECT_EQ(jobs(), 1);
  std::vector<int64_t> done;
  log_.step = [&](const Step& step) { done.push_back(step.done); };
  RemoteAgent far = far_agent();
  const auto records = run(far, lines);
  EXPECT_EQ(records.at(0).top1, 0.5);
  EXPECT_TRUE(warned("runs there already"));
  EXPECT_FALSE(warned("another job"));
  EXPECT_EQ(far_count("calls"), 1u) << "no second agent beside it";
  EXPECT_EQ(far_count("work"), 12u);
  EXPECT_EQ(done, (std::vector<int64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})) << "from the start";
  EXPECT_EQ(jobs(), 0);
}

TEST_F(RemoteDeviceTest, AJobThatEndedForADeadWorkstationGivesItsAnswerOnce) {
  const std::string lines = "steps=3; pause=0.3";
  leave_behind(lines, 1);
  await([&] { return ended_there(); }, "the job ended");
  RemoteAgent far = far_agent();
  EXPECT_EQ(run(far, lines).at(0).top1, 0.5);
  EXPECT_TRUE(warned("its answer is taken"));
  EXPECT_EQ(far_count("calls"), 1u);
  EXPECT_EQ(jobs(), 0);
  run(far, lines);
  EXPECT_EQ(far_count("calls"), 2u) << "who asks again gets a new one";
}

TEST_F(RemoteDeviceTest, AJobThatFailedForADeadWorkstationIsDoneAgain) {
  // It fails the first time only.
  const std::string lines = "steps=3; pause=0.3; [ -f $HOME/failed ] || code=3; : >$HOME/failed";
  leave_behind(lines, 1);
  await([&] { return ended_there(); }, "the job ended");
  RemoteAgent far = far_agent();
  EXPECT_EQ(run(far, lines).at(0).status, "ok");
  EXPECT_EQ(far_count("calls"), 2u);
  EXPECT_TRUE(warned("done again"));
  EXPECT_EQ(far_count("work"), 6u) << "nothing of what failed is used";
  EXPECT_EQ(jobs(), 0);
}

TEST_F(RemoteDeviceTest, AJobThatVanishedForADeadWorkstationGoesOn) {
  const std::string lines = "steps=10; pause=0.4";
  leave_behind(lines, 3);
  for (const auto& job : fs::directory_iterator(server_->cache() / "jobs")) {
    ::kill(-std::stoi(read_file(job.path() / "pid")), SIGKILL);
  }
  RemoteAgent far = far_agent();
  EXPECT_EQ(run(far, lines).at(0).status, "ok");
  EXPECT_EQ(far_count("calls"), 2u);
  EXPECT_TRUE(warned("goes on"));
  EXPECT_LE(far_count("work"), 11u) << "from its state";
  EXPECT_EQ(jobs(), 0);
}

TEST_F(RemoteDeviceTest, AnotherJobThatRunsThereIsTold) {
  const std::string other = "steps=1000; pause=0.2";
  leave_behind(other, 1);
  for (const auto& job : fs::directory_iterator(server_->cache() / "jobs")) {  // too old for a leftover, but alive
    fs::last_write_time(job.path(), fs::file_time_type::clock::now() - std::chrono::hours(200));
  }
  RemoteAgent far = far_agent();
  EXPECT_EQ(run(far, "steps=1").at(0).status, "ok");
  EXPECT_TRUE(warned("another job runs on the device"));
  EXPECT_EQ(jobs(), 1) << "it is not touched";
  log_.step = [&](const Step&) { cancel_.cancel(); };
  error_of([&] { run(far, other); });
  EXPECT_EQ(jobs(), 0) << "taken up, and ended";
}

TEST_F(RemoteDeviceTest, OfTwoThatAskForOneJobTheLastGetsIt) {
  const std::string lines = "steps=16; pause=0.5";
  std::pair<ErrorKind, std::string> first;
  std::thread earlier([&] {
    LogSink quiet;
    CancelToken never;
    first = error_of([&] {
      RemoteAgent far({server_->address(), "nano", fs::path(QUENCH_SOURCE_DIR) / "tests/fake_agent.sh", "", options_},
                      quiet, never);
      run(far, lines);
    });
  });
  await([&] { return far_count("work") >= 1; }, "the job began");
  RemoteAgent far = far_agent();
  EXPECT_EQ(run(far, lines).at(0).status, "ok");
  earlier.join();
  EXPECT_EQ(first.first, ErrorKind::io);
  EXPECT_NE(first.second.find("took it over"), std::string::npos) << first.second;
  EXPECT_EQ(far_count("calls"), 1u);
  EXPECT_EQ(far_count("work"), 16u) << "who lost it does not end it";
  EXPECT_EQ(jobs(), 0);
}

TEST_F(RemoteDeviceTest, TheAgentIsAskedForWhatIsWanted) {
  RemoteAgent far = far_agent();
  AgentRequest request;
  request.command = "bench";
  request.models = {model("steps=1"), model("steps=2"), model("status=unsupported; code=1")};
  request.pack = RemoteFile::of_bytes("pack", "images");
  request.settings = {{"runtime", "native"},  {"threads", 4},   {"min_seconds", 0.5},
                      {"multi_label", false}, {"isa", nullptr}, {"digest", true}};
  const auto records = far.run(request).records;
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[2].status, "unsupported");
  EXPECT_EQ(far_lines("calls"),
            (std::vector<std::string>{
                "bench --runtime=native --threads=4 --min-seconds=0.5 --no-multi-label --digest pack=images"}));
  EXPECT_EQ(cached().size(), 5u);
  EXPECT_TRUE(std::ranges::count(infos_, "nano: hello from there"));
}

TEST_F(RemoteDeviceTest, WhatTheModelSaysOfEachImageIsBrought) {
  RemoteAgent far = far_agent();
  const auto ask = [&](const std::string& lines) {
    AgentRequest request;
    request.command = "run";
    request.predictions = true;
    request.models.push_back(model(lines));
    return far.run(request);
  };
  std::string many = "0";  // a large set's classes: the answer is a file, not a line of the record
  for (int i = 1; i < 50000; ++i) many += fmt::format(",{}", i % 1000);
  const AgentAnswer answer =
      ask("samples=50000 said='{\"scores\":{\"top1\":0.5},\"samples\":50000,\"left_out\":[],\"predictions\":[" + many +
          "],\"detections\":[]}'");
  ASSERT_TRUE(answer.predictions);
  EXPECT_EQ(answer.predictions->predictions.size(), 50000u);
  EXPECT_EQ(answer.predictions->predictions[1234], 234);
  EXPECT_EQ(answer.records.at(0).samples, 50000);
  EXPECT_EQ(jobs(), 0) << "nothing of it stays there";
  EXPECT_FALSE(ask("status=unsupported code=1").predictions) << "it made none";
  for (const auto& [lines, part] : std::map<std::string, std::string>{
           {"samples=2 said='{\"scores\":{},\"samples\":3,\"left_out\":[],\"predictions\":[1,2,3],\"detections\":[]}'",
            "record's 2"},
           {"samples=3 said='{\"scores\":{},\"samples\":3,\"left_out\":[],\"predictions\":[1,2],\"detections\":[]}'",
            "instead of 3"},
           {"samples=3 said='[1,2,3'", "valid JSON"}}) {
    const auto [kind, message] = error_of([&, &given = lines] { ask(given); });
    EXPECT_EQ(kind, ErrorKind::data) << lines;
    EXPECT_NE(message.find("nano"), std::string::npos) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
}

TEST_F(RemoteDeviceTest, WhatTheAgentRefusesIsTheSameErrorHere) {
  RemoteAgent far = far_agent();
  auto [kind, message] = error_of([&] { run(far, "code=2"); });
  EXPECT_EQ(kind, ErrorKind::data);
  EXPECT_EQ(message, "nano: [pack] expected images of 32 px, got 64");
  std::tie(kind, message) = error_of([&] { run(far, "kill -KILL $$"); });
  EXPECT_EQ(kind, ErrorKind::backend);
  EXPECT_NE(message.find("137"), std::string::npos) << message;
  EXPECT_NE(message.find("out of memory?"), std::string::npos) << message;
  std::tie(kind, message) = error_of([&] { run(far, "exit 0"); });
  EXPECT_EQ(kind, ErrorKind::backend);
  EXPECT_NE(message.find("expected 1 records"), std::string::npos) << message;
  std::tie(kind, message) = error_of([&] { run(far, "echo nonsense; exit 0"); });
  EXPECT_EQ(kind, ErrorKind::data);
  std::tie(kind, message) = error_of([&] { run(far, "echo 'cannot execute binary file' >&2; exit 126"); });
  EXPECT_EQ(kind, ErrorKind::backend);
  EXPECT_NE(message.find("cannot execute binary file"), std::string::npos) << message;
  EXPECT_EQ(jobs(), 0);
}

TEST_F(RemoteDeviceTest, LeftoversOfEarlierRunsGo) {
  const auto make = [&](const std::string& name, int hours) {
    write_file(server_->cache() / name, "x");
    fs::last_write_time(server_->cache() / name, fs::file_time_type::clock::now() - std::chrono::hours(hours));
  };
  make(std::string(64, 'a') + ".part-1234", 30);
  make(std::string(64, 'b') + ".part-5678", 2);
  make(std::string(64, 'c'), 1000);
  fs::create_directories(server_->cache() / "jobs/old-1");
  fs::last_write_time(server_->cache() / "jobs/old-1", fs::file_time_type::clock::now() - std::chrono::hours(200));
  device();
  EXPECT_EQ(cached().size(), 2u) << "the young piece, and the file";
  EXPECT_EQ(jobs(), 0);
}

TEST_F(RemoteDeviceTest, AHomeThatCannotBeWrittenIsTold) {
  write_file(server_->home() / ".cache", "a file where a folder should be");
  const auto [kind, message] = error_of([&] { device(); });
  EXPECT_EQ(kind, ErrorKind::io);
  EXPECT_NE(message.find("quench-agent"), std::string::npos) << message;
}

TEST_F(RemoteDeviceTest, AnAgentOfAnotherMachineIsNotCopied) {
  write_file(folder_ / "agent", elf_head('\xf3'));
  const auto [kind, message] = error_of([&] {
    RemoteAgent({server_->address(), "", folder_ / "agent", "", options_}, log_, cancel_);
  });
  EXPECT_EQ(kind, ErrorKind::config) << "no word on what the device can do";
  EXPECT_NE(message.find("is for riscv64"), std::string::npos) << message;
  EXPECT_TRUE(cached().empty());
}

TEST(FindAgent, TakesTheProgramOfTheMachine) {
  const fs::path folder = fs::temp_directory_path() / fmt::format("quench-find-agent-{}", ::getpid());
  const fs::path near = folder / "release";
  write_file(near / "quench-agent", elf_head('\x3e'));
  EXPECT_EQ(find_agent("x86_64", near), near / "quench-agent");
  auto [kind, message] = error_of([&] { find_agent("aarch64", near); });
  EXPECT_EQ(kind, ErrorKind::config);
  EXPECT_NE(message.find("make agent"), std::string::npos) << message;
  write_file(folder / "agent-aarch64/quench-agent", elf_head('\xb7'));
  EXPECT_TRUE(fs::equivalent(find_agent("aarch64", near), folder / "agent-aarch64/quench-agent"));
  write_file(near / "agent/quench-agent", elf_head('\x3e'));
  EXPECT_EQ(find_agent("x86_64", near), near / "agent/quench-agent") << "the static one goes first";
  write_file(folder / "text", "#!/bin/sh\n");
  EXPECT_EQ(program_machine(folder / "text"), "");
  write_file(folder / "short", "\x7f");
  EXPECT_EQ(program_machine(folder / "short"), "");
  EXPECT_EQ(program_machine("/proc/self/exe"), split_text(run_process({"uname", "-m"}).output, '\n')[0]);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace quench::remote
