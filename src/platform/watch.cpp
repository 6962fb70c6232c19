#include "platform/watch.h"

#include "core/clock.h"

namespace quench::platform {

Watch::Watch(std::filesystem::path root, std::chrono::milliseconds interval)
    : root_(std::move(root)), interval_(interval) {}

Watch::~Watch() { stop(); }

void Watch::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Watch::begin() {
  stop();
  stopping_ = false;
  log_ = std::make_unique<ConditionsLog>(root_);
  log_->sample(now_ns());
  thread_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, interval_, [this] { return stopping_; })) log_->sample(now_ns());
  });
}

Conditions Watch::end() {
  if (!log_) return {};
  stop();
  log_->sample(now_ns());
  const Conditions conditions = log_->conclude();
  log_.reset();
  return conditions;
}

}  // namespace quench::platform
