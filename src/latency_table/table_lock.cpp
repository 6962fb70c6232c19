#include "latency_table/table_lock.h"

#include <fmt/format.h>

#include <chrono>
#include <system_error>
#include <thread>

#include "core/error.h"

namespace quench::latency_table {
namespace {

constexpr auto kPause = std::chrono::milliseconds(50);

}  // namespace

std::unique_ptr<FileLock> lock_table(const std::filesystem::path& file, const LogSink& log, const CancelToken& cancel) {
  std::unique_ptr<FileLock> lock;
  bool told = false;
  try {
    std::error_code code;
    std::filesystem::create_directories(file.parent_path(), code);
    std::filesystem::path beside = file;
    lock = std::make_unique<FileLock>(beside += ".lock");
    while (!lock->try_lock()) {
      if (!told) {
        const std::string holder = lock->holder();
        const std::string who = holder.empty() ? "another process" : "process " + holder;
        log.info(fmt::format("latency table: {} measures for {}: waiting until it is done", who, file.string()));
        log.show_progress(fmt::format("latency table: waiting for {}", who));
      }
      told = true;
      cancel.check();
      std::this_thread::sleep_for(kPause);
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::io) throw;
    return nullptr;
  }
  return lock;
}

}  // namespace quench::latency_table
