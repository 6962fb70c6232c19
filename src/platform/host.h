#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace quench::platform {

/// The machine that a measurement was made on. What the system does not tell is empty or 0.
struct Host {
  std::string cpu;               ///< "AMD EPYC", "Raspberry Pi 5 Model B Rev 1.0"
  int64_t logical_cores = 0;     ///< that the system runs
  std::vector<std::string> isa;  ///< extensions that matter to kernels, as Linux spells them, weakest first
  int64_t memory_bytes = 0;
  std::string os;        ///< "Linux"
  std::string kernel;    ///< "6.1.0-18-amd64"
  std::string governor;  ///< frequency governor of the first core ("performance")

  /// True where the extension is listed: "avx512_vnni", "asimddp".
  bool has(std::string_view extension) const;
};

/// Reads the machine from /proc and /sys under `root`. Never throws: unreadable files leave their fields empty.
Host detect_host(const std::filesystem::path& root = "/");

/// All of it, by the names of the struct.
Json to_json(const Host& host);

/// For records: "AMD EPYC, 2 cores, avx512_vnni, 23.5 GiB, Linux 6.18", with the strongest extension alone, and the
/// frequency governor where it is known and not "performance".
std::string one_line(const Host& host);

}  // namespace quench::platform
