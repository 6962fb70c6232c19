#include "platform/host.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>

#include "core/text.h"
#include "platform/sysfs.h"

namespace quench::platform {
namespace {

namespace fs = std::filesystem;

// What int8 and float kernels choose by, weakest first. x86 names, then ARM names; no machine has both.
constexpr std::array kExtensions{"sse4_1",   "avx",         "f16c",        "fma",      "avx2",        "avx512f",
                                 "avx512bw", "avx512_bf16", "avx512_fp16", "avx_vnni", "avx512_vnni", "amx_bf16",
                                 "amx_int8", "neon",        "asimd",       "asimdhp",  "sve",         "sve2",
                                 "bf16",     "asimddp",     "i8mm"};

/// Value of the first line "key : value"; empty where there is none.
std::string line_value(const std::string& text, std::string_view key) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const size_t key_end = line.find_last_not_of(" \t", colon == 0 ? 0 : colon - 1);
    if (std::string_view(line).substr(0, key_end + 1) != key) continue;
    const size_t start = line.find_first_not_of(" \t", colon + 1);
    return start == std::string::npos ? "" : line.substr(start);
  }
  return "";
}

int64_t count_lines(const std::string& text, std::string_view key) {
  int64_t count = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(':');
    count += colon != std::string::npos && line.starts_with(key) && line.find_first_not_of(" \t", key.size()) == colon;
  }
  return count;
}

std::string cpu_name(const fs::path& root, const std::string& cpuinfo) {
  for (const char* key : {"model name", "Model", "Hardware", "cpu model"}) {
    if (const std::string name = line_value(cpuinfo, key); !name.empty()) return name;
  }
  for (const char* path : {"proc/device-tree/model", "sys/firmware/devicetree/base/model"}) {
    if (const std::string name = read_text(root / path); !name.empty()) return name;
  }
  const std::string part = line_value(cpuinfo, "CPU part");
  return part.empty() ? "" : fmt::format("ARM part {} of {}", part, line_value(cpuinfo, "CPU implementer"));
}

std::vector<std::string> extensions(const std::string& cpuinfo) {
  std::string flags = line_value(cpuinfo, "flags");
  if (flags.empty()) flags = line_value(cpuinfo, "Features");
  const std::vector<std::string> words = split_text(flags, ' ');
  std::vector<std::string> found;
  for (const char* extension : kExtensions) {
    if (std::ranges::find(words, extension) != words.end()) found.push_back(extension);
  }
  return found;
}

int64_t memory_bytes(const fs::path& root) {
  const std::string text = line_value(read_text(root / "proc/meminfo"), "MemTotal");  // "24684084 kB"
  int64_t kibibytes = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), kibibytes);
  return code == std::errc() && kibibytes > 0 && kibibytes < (int64_t{1} << 50) ? kibibytes * 1024 : 0;
}

}  // namespace

bool Host::has(std::string_view extension) const { return std::ranges::find(isa, extension) != isa.end(); }

Host detect_host(const fs::path& root) {
  const std::string cpuinfo = read_text(root / "proc/cpuinfo");
  Host host;
  host.cpu = cpu_name(root, cpuinfo);
  host.logical_cores = count_lines(cpuinfo, "processor");
  host.isa = extensions(cpuinfo);
  host.memory_bytes = memory_bytes(root);
  host.os = read_text(root / "proc/sys/kernel/ostype");
  host.kernel = read_text(root / "proc/sys/kernel/osrelease");
  host.governor = read_text(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  return host;
}

Json to_json(const Host& host) {
  return {{"cpu", host.cpu},
          {"logical_cores", host.logical_cores},
          {"isa", host.isa},
          {"memory_bytes", host.memory_bytes},
          {"os", host.os},
          {"kernel", host.kernel},
          {"governor", host.governor}};
}

std::string one_line(const Host& host) {
  std::vector<std::string> parts{host.cpu.empty() ? "unknown processor" : host.cpu};
  if (host.logical_cores > 0) {
    parts.push_back(fmt::format("{} core{}", host.logical_cores, host.logical_cores == 1 ? "" : "s"));
  }
  if (!host.isa.empty()) parts.push_back(host.isa.back());
  if (host.memory_bytes > 0) {
    parts.push_back(fmt::format("{:.1f} GiB", static_cast<double>(host.memory_bytes) / (int64_t{1} << 30)));
  }
  if (!host.os.empty()) {
    const size_t major = host.kernel.find('.');
    const size_t minor = major == std::string::npos ? major : host.kernel.find_first_not_of("0123456789", major + 1);
    parts.push_back(host.kernel.empty() ? host.os : fmt::format("{} {}", host.os, host.kernel.substr(0, minor)));
  }
  if (!host.governor.empty() && host.governor != "performance") parts.push_back("governor " + host.governor);
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace quench::platform
