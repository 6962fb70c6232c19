#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <functional>
#include <thread>

#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"

namespace quench {
namespace {

namespace fs = std::filesystem;

class File : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() / fmt::format("quench-file-{}-{}", ::getpid(), info->name());
    fs::create_directories(folder_);
  }
  void TearDown() override {
    fs::permissions(folder_, fs::perms::owner_all);
    fs::remove_all(folder_);
  }
  size_t entries() const { return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), {})); }
  fs::path folder_;
};

std::string io_error(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "expected an Error";
  return "";
}

/// Files may grow to `bytes` while this lives: what a full disk looks like to a program.
class FullDisk {
 public:
  explicit FullDisk(size_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &old_);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit tight{bytes, old_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &tight);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit old_{};
  void (*handler_)(int) = nullptr;
};

TEST_F(File, DevicesAreNotReplaced) {
  const fs::path pipe = folder_ / "pipe";
  fs::create_directories(folder_);
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  io_error([&] { write_file(pipe, "x"); });
  io_error([&] { write_file("/dev/null", "x"); });
  EXPECT_TRUE(fs::is_fifo(pipe));
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST_F(File, NewFilesComeToBeWholeOrNotAtAll) {
  const fs::path path = folder_ / "sub/new";
  {
    NewFile file(path);
    file.write("0123456789");
    file.overwrite(3, "abc");
    EXPECT_FALSE(fs::exists(path));
    file.commit();
  }
  EXPECT_EQ(read_file(path), "012abc6789");
  {
    NewFile file(path);
    file.write("half");
  }
  EXPECT_EQ(read_file(path), "012abc6789");
  {
    const FullDisk disk(100);
    NewFile file(path);
    file.write(std::string(90, 'x'));
    EXPECT_NE(io_error([&] { file.write(std::string(90, 'x')); }).find(path.string()), std::string::npos);
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "sub"), {}), 1) << "nothing is left beside it";
  io_error([&] { NewFile file(path / "below"); });
}

TEST_F(File, InputFilesAreReadAtAnyPlace) {
  write_file(folder_ / "a", "0123456789");
  const InputFile file(folder_ / "a");
  EXPECT_EQ(file.size(), 10);
  std::string part(4, ' ');
  EXPECT_TRUE(file.read(6, std::as_writable_bytes(std::span(part))));
  EXPECT_EQ(part, "6789");
  EXPECT_FALSE(file.read(7, std::as_writable_bytes(std::span(part))));
  EXPECT_TRUE(file.read(10, {}));
  EXPECT_NE(io_error([&] { InputFile(folder_ / "nowhere"); }).find("nowhere"), std::string::npos);
  EXPECT_NE(io_error([&] { InputFile{folder_}; }).find("folder"), std::string::npos);
}

TEST_F(File, ReadsBackAnyBytes) {
  std::string content;
  for (int i = 0; i < 300000; ++i) content += static_cast<char>(i * 7);
  write_file(folder_ / "a" / "b" / "bytes", content);  // makes the folders
  EXPECT_EQ(read_file(folder_ / "a" / "b" / "bytes"), content);
  write_file(folder_ / "a" / "b" / "bytes", "");
  EXPECT_EQ(read_file(folder_ / "a" / "b" / "bytes"), "");
}

TEST_F(File, ReadingWhatIsNotAFileNamesIt) {
  EXPECT_NE(io_error([&] { read_file(folder_ / "none"); }).find("none: No such file"), std::string::npos);
  EXPECT_NE(io_error([&] { read_file(folder_); }).find("expected a file, got the folder"), std::string::npos);
}

TEST_F(File, WhatMayNeverEndIsNotRead) {
  const fs::path pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);  // nobody writes into it: an open that waits would wait for ever
  fs::create_symlink(folder_ / "circle", folder_ / "circle");
  const auto refused = [](const fs::path& path, const std::string& part) {
    for (const std::string& message : {io_error([&] { read_file(path); }), io_error([&] { InputFile file(path); }),
                                       io_error([&] { sha256_file(path); })}) {
      EXPECT_NE(message.find(part), std::string::npos) << message;
    }
  };
  refused(pipe, "expected a file, got the pipe");
  refused("/dev/zero", "expected a file, got the device /dev/zero");
  refused(folder_ / "circle", "symbolic links");
  ASSERT_EQ(::truncate((write_file(folder_ / "sparse", ""), folder_ / "sparse").c_str(), off_t{1} << 40), 0);
  EXPECT_NE(io_error([&] { read_file(folder_ / "sparse"); }).find("at most 8 GiB"), std::string::npos);
}

TEST_F(File, APipeThatAShellHandsOverIsRead) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::thread writer([&] {
    for (const char* part : {"from ", "a pipe"}) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the reader waits for more
      EXPECT_GT(::write(ends[1], part, std::strlen(part)), 0);
    }
    ::close(ends[1]);
  });
  EXPECT_EQ(read_file(fmt::format("/dev/fd/{}", ends[0])), "from a pipe");
  writer.join();
  ::close(ends[0]);
}

TEST_F(File, WriteReplacesAsAWholeAndLeavesNothingBeside) {
  write_file(folder_ / "x", "first");
  write_file(folder_ / "x", "second");
  EXPECT_EQ(read_file(folder_ / "x"), "second");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(File, FullDiskWhileWritingKeepsTheEarlierContent) {
  write_file(folder_ / "x", "earlier");
  std::string message;
  {
    const FullDisk full(1000);
    message = io_error([&] { write_file(folder_ / "x", std::string(5000, 'n')); });
  }
  EXPECT_NE(message.find((folder_ / "x").string()), std::string::npos) << message;
  EXPECT_EQ(read_file(folder_ / "x"), "earlier");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(File, AReaderNeverSeesAHalfWrittenFile) {
  const std::string a(1 << 20, 'a'), b(1 << 20, 'b');
  const fs::path path = folder_ / "x";
  write_file(path, a);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    for (;;) {
      write_file(path, b);
      write_file(path, a);
    }
  }
  for (int i = 0; i < 50; ++i) {
    const std::string seen = read_file(path);
    EXPECT_TRUE(seen == a || seen == b) << seen.size();
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const std::string seen = read_file(path);  // nor does a kill leave one
  EXPECT_TRUE(seen == a || seen == b) << seen.size();
}

TEST_F(File, AppendAddsLines) {
  append_line(folder_ / "new" / "log", "one");
  append_line(folder_ / "new" / "log", "");
  append_line(folder_ / "new" / "log", "three");
  EXPECT_EQ(read_file(folder_ / "new" / "log"), "one\n\nthree\n");
}

TEST_F(File, AppendEndsATornLineFirst) {
  write_file(folder_ / "log", "whole\ntor");
  append_line(folder_ / "log", "next");
  EXPECT_EQ(read_file(folder_ / "log"), "whole\ntor\nnext\n");
}

TEST_F(File, FullDiskWhileAppendingKeepsTheEarlierLines) {
  append_line(folder_ / "log", "earlier");
  {
    const FullDisk full(20);
    io_error([&] { append_line(folder_ / "log", std::string(100, 'n')); });
  }
  EXPECT_EQ(read_file(folder_ / "log"), "earlier\n");
  append_line(folder_ / "log", "later");
  EXPECT_EQ(read_file(folder_ / "log"), "earlier\nlater\n");
}

TEST_F(File, ParentThatIsAFileIsAnIoError) {
  write_file(folder_ / "x", "");
  io_error([&] { write_file(folder_ / "x" / "y", "z"); });
  io_error([&] { append_line(folder_ / "x" / "y", "z"); });
  io_error([&] { require_writable(folder_ / "x"); });
}

TEST_F(File, RequireWritableProbesAndCleansUp) {
  require_writable(folder_ / "results");
  EXPECT_TRUE(fs::is_empty(folder_ / "results"));
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  fs::permissions(folder_, fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_NE(io_error([&] { require_writable(folder_); }).find("Permission denied"), std::string::npos);
}

}  // namespace
}  // namespace quench
