#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>

#include "platform/conditions.h"

namespace quench::platform {

/// Samples the machine's conditions on a thread of its own, between begin() and end().
class Watch {
 public:
  explicit Watch(std::filesystem::path root = "/", std::chrono::milliseconds interval = std::chrono::milliseconds(100));
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  /// Starts, with a first sample; what an earlier begin() has seen is forgotten.
  void begin();
  /// Takes a last sample and stops. Without begin(): empty conditions.
  Conditions end();

 private:
  void stop();

  std::filesystem::path root_;
  std::chrono::milliseconds interval_;
  std::unique_ptr<ConditionsLog> log_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace quench::platform
