#pragma once

#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <map>
#include <string>

namespace quench {

/// How often files of some folders are opened, by anyone.
class Opens {
 public:
  Opens() : handle_(::inotify_init1(IN_NONBLOCK)) {}
  ~Opens() { ::close(handle_); }
  Opens(const Opens&) = delete;
  Opens& operator=(const Opens&) = delete;

  /// The folder and all below it. False where the system has no more watches to give.
  bool watch(const std::filesystem::path& folder) {
    bool all = watch_one(folder);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (entry.is_directory()) all = watch_one(entry.path()) && all;
    }
    return all;
  }

  /// Files opened since the last call, by name.
  std::map<std::string, int> take() {
    std::map<std::string, int> opened;
    alignas(inotify_event) std::array<char, 1 << 16> buffer{};
    for (ssize_t size = 0; (size = ::read(handle_, buffer.data(), buffer.size())) > 0;) {
      for (ssize_t at = 0; at < size;) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
        EXPECT_FALSE(event->mask & IN_Q_OVERFLOW);
        if (event->len > 0 && !(event->mask & IN_ISDIR)) ++opened[event->name];
        at += static_cast<ssize_t>(sizeof(inotify_event)) + event->len;
      }
    }
    return opened;
  }

 private:
  bool watch_one(const std::filesystem::path& folder) {
    return ::inotify_add_watch(handle_, folder.c_str(), IN_OPEN) >= 0;
  }

  int handle_;
};

}  // namespace quench
