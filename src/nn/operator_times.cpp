#include "nn/operator_times.h"

#include <ATen/record_function.h>

#include <memory>

#include "core/clock.h"

namespace quench::nn {
namespace {

/// An operator that runs.
struct Running : at::ObserverContext {
  Running* caller = nullptr;
  int64_t start_ns = 0, callees_ns = 0;
};

thread_local Running* running = nullptr;
thread_local std::map<std::string, OperatorTimes::Total>* timed = nullptr;

std::unique_ptr<at::ObserverContext> begin_operator(const at::RecordFunction&) {
  auto started = std::make_unique<Running>();
  started->caller = running;
  running = started.get();
  started->start_ns = now_ns();
  return started;
}

void end_operator(const at::RecordFunction& function, at::ObserverContext* context) {
  auto* ended = static_cast<Running*>(context);
  if (ended == nullptr) return;
  const int64_t ns = now_ns() - ended->start_ns;
  running = ended->caller;
  if (running != nullptr) running->callees_ns += ns;
  if (timed == nullptr) return;
  OperatorTimes::Total& total = (*timed)[function.name()];
  ++total.calls;
  total.ns += ns - ended->callees_ns;
}

}  // namespace

OperatorTimes::OperatorTimes() {
  timed = &totals_;
  handle_ = at::addThreadLocalCallback(at::RecordFunctionCallback(&begin_operator, &end_operator)
                                           .scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
}

OperatorTimes::~OperatorTimes() {
  at::removeCallback(handle_);
  timed = nullptr;
}

}  // namespace quench::nn
