#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "core/file.h"

namespace quench {

/// A folder that stands for a machine's root, with made-up /proc and /sys.
class SystemTree : public testing::Test {
 protected:
  void SetUp() override {
    root_ = std::filesystem::temp_directory_path() / fmt::format("quench-system-{}", ::getpid());
    std::filesystem::remove_all(root_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void put(const std::string& path, std::string_view content) { write_file(root_ / path, content); }
  /// A link as sysfs has them, from one path under the root to another.
  void link(const std::string& path, const std::string& target) {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::filesystem::create_directory_symlink(root_ / target, root_ / path);
  }
  /// Stands for a file that exists and cannot be read (the tests may run as root, whom no permission stops).
  void put_unreadable(const std::string& path) { std::filesystem::create_directories(root_ / path); }

  std::filesystem::path root_;
};

}  // namespace quench
