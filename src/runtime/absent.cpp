#include "runtime/absent.h"

#include "core/error.h"

namespace quench::runtime {
namespace {

/// Knows its state, and loads nothing.
class StandIn : public Runtime {
 public:
  StandIn(std::string name, Availability state) : name_(std::move(name)), state_(std::move(state)) {}
  std::string name() const override { return name_; }
  Availability availability() const override { return state_; }
  std::unique_ptr<Session> load(const graph::ModelFile&, const SessionOptions&) const override {
    fail(ErrorKind::unsupported, "runtime '{}': {}", name_,
         state_.available ? "its library is not open" : state_.reason);
  }

 private:
  std::string name_;
  Availability state_;
};

}  // namespace

std::unique_ptr<Runtime> absent_runtime(std::string name, std::string reason) {
  return std::make_unique<StandIn>(std::move(name), Availability{false, "", std::move(reason)});
}

std::unique_ptr<Runtime> unopened_runtime(std::string name, std::string version) {
  return std::make_unique<StandIn>(std::move(name), Availability{true, std::move(version), ""});
}

}  // namespace quench::runtime
