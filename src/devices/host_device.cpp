#include "devices/host_device.h"

namespace quench::devices {
namespace {

constexpr const char* kBuiltFor =
#if defined(__aarch64__)
    "aarch64";
#elif defined(__x86_64__)
    "x86_64";
#else
    "";
#endif

}  // namespace

Device host_device(const platform::Host& host) {
  Device device;
  device.name = "host";
  device.title = "this machine";
  device.cpu.name = host.cpu;
  device.cpu.arch = kBuiltFor;
  device.cpu.cores = host.logical_cores;
  device.cpu.isa = host.isa;
  if (host.memory_bytes > 0) device.memory_bytes = host.memory_bytes;
  device.software.os = host.os;
  device.software.kernel = host.kernel;
  device.notes = {"detected; latencies here are measured, not forecast: `quench bench`"};
  return device;
}

}  // namespace quench::devices
