#include <iostream>

#include "agent/commands.h"
#include "core/json_text.h"
#include "pack/file.h"
#include "platform/host.h"
#include "runtime/registry.h"

namespace quench::agent {
namespace {

#if defined(__aarch64__)
constexpr const char* kArchitecture = "aarch64";
#elif defined(__x86_64__)
constexpr const char* kArchitecture = "x86_64";
#else
constexpr const char* kArchitecture = "other";
#endif

}  // namespace

int run_info(const program::Invocation&, const program::Environment& environment) {
  const platform::Host host = platform::detect_host();
  const runtime::Registry registry = runtime::base_registry(environment.places);
  Json runtimes = Json::array();
  for (const auto& runtime : registry.all()) {
    const runtime::Availability state = runtime->availability();
    runtimes.push_back({{"runtime", runtime->name()},
                        {"available", state.available},
                        {"version", state.version},
                        {"reason", state.reason}});
  }
  const Json info{{"quench_version", environment.version},
                  {"architecture", kArchitecture},
                  {"host", platform::one_line(host)},
                  {"machine", platform::to_json(host)},
                  {"runtimes", runtimes}};
  std::cout << json_text(info, 2) << "\n";
  return program::kOk;
}

int run_check(const program::Invocation& invocation, const program::Environment& environment) {
  settings_of(invocation);
  for (const std::string& file : invocation.inputs) {
    const pack::Reader reader(file);
    const pack::Header& header = reader.header();
    for (int64_t i = 0; i < header.count(); ++i) {
      environment.cancel->check();
      reader.read(i, 1);
      environment.log.show_step({.phase = "check", .done = i + 1, .total = header.count(), .things = "images"});
    }
    const Json line{{"file", file},
                    {"pack_sha256", reader.sha256()},
                    {"task", header.task},
                    {"data", header.data},
                    {"split", header.split},
                    {"data_sha256", header.data_sha256},
                    {"images", header.count()},
                    {"height", header.height},
                    {"width", header.width},
                    {"classes", header.classes.size()}};
    std::cout << json_text(line) << std::endl;
  }
  return program::kOk;
}

}  // namespace quench::agent
