#include "runtime/absent.h"

#include "core/error.h"

namespace quench::runtime {
namespace {

class AbsentRuntime : public Runtime {
 public:
  AbsentRuntime(std::string name, std::string reason) : name_(std::move(name)), reason_(std::move(reason)) {}
  std::string name() const override { return name_; }
  Availability availability() const override { return {.available = false, .version = "", .reason = reason_}; }
  std::unique_ptr<Session> load(const graph::ModelFile&, const SessionOptions&) const override {
    fail(ErrorKind::unsupported, "runtime '{}': {}", name_, reason_);
  }

 private:
  std::string name_;
  std::string reason_;
};

}  // namespace

std::unique_ptr<Runtime> absent_runtime(std::string name, std::string reason) {
  return std::make_unique<AbsentRuntime>(std::move(name), std::move(reason));
}

}  // namespace quench::runtime
