#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "devices/device.h"
#include "devices/latency_fit.h"

namespace quench::devices {

/// File of latency parameters among device files.
inline constexpr const char* kFitFile = "latency_fit.yaml";

struct Catalog {
  std::vector<Device> devices;  ///< by name
  LatencyFit fit;               ///< of all folders that have one: merged(), a later folder's first

  std::vector<std::string> names() const;
  /// Throws Error{config} naming the nearest.
  const Device& require(const std::string& name) const;
  /// The device that published latencies call so (its own name counts), or nullptr.
  const Device* by_anchor(const std::string& anchor) const;
};

/// Reads every `*.yaml` of the folders: the file's name is the device's. Throws Error{io} for a folder or file that
/// cannot be read, Error{config} naming the file for wrong content, for a name or an anchor's name that two devices
/// have, and for names other than lower-case letters, digits and dashes.
Catalog load_catalog(const std::vector<std::filesystem::path>& folders);

}  // namespace quench::devices
