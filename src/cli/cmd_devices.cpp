#include <fmt/ranges.h>

#include <algorithm>
#include <iostream>

#include "cli/base_commands.h"
#include "cli/commands.h"
#include "cli/device_catalog.h"
#include "cli/print.h"
#include "core/error.h"
#include "core/json_text.h"
#include "core/text.h"
#include "devices/host_device.h"

namespace quench::cli {
namespace {

using devices::Device;
using Rows = std::vector<std::vector<std::string>>;

std::string number_text(const std::optional<double>& value) { return value ? fmt::format("{:.5g}", *value) : ""; }

/// 10^9 operations a second as 10^12 where they are many.
std::string peak_text(const std::optional<double>& gops) {
  if (!gops) return "";
  return *gops < 1000 ? fmt::format("{:.3g} G", *gops) : fmt::format("{:.3g} T", *gops / 1000);
}

std::string memory_text(const std::optional<int64_t>& bytes) {
  return bytes ? fmt::format("{:.3g} GiB", static_cast<double>(*bytes) / (int64_t{1} << 30)) : "";
}

std::vector<std::string> list_row(const Device& device) {
  const devices::Peak peak = device.gpu ? device.gpu->peak : devices::Peak{};
  return {device.name,
          device.title,
          fmt::format("{} x {}", device.cpu.cores, device.cpu.name),
          device.gpu ? device.gpu->name : "",
          device.gpu ? device.gpu->compute_capability : "",
          peak_text(peak.fp16_gflops),
          peak_text(peak.int8_gops),
          memory_text(device.memory_bytes),
          number_text(device.bandwidth_gbs)};
}

Json list_entry(const Device& device) {
  Json entry{{"device", device.name}};
  entry.update(devices::to_json(device));
  if (!device.file.empty()) entry["file"] = device.file.string();
  return entry;
}

/// A line for each value below a map: "gpu.peak.fp16_gflops  471.9".
void add_rows(Rows& rows, const std::string& path, const Json& value) {
  if (value.is_object()) {
    for (const auto& [key, part] : value.items()) add_rows(rows, path.empty() ? key : path + "." + key, part);
  } else if (value.is_array() && (value.empty() || !value.front().is_string())) {
    for (const Json& part : value) rows.push_back({path, part.dump()});
  } else if (value.is_array() && path != "cpu.isa") {
    for (const Json& part : value) rows.push_back({path, part.get<std::string>()});
  } else if (value.is_array()) {
    rows.push_back({path, fmt::format("{}", fmt::join(value.get<std::vector<std::string>>(), " "))});
  } else {
    rows.push_back({path, value.is_string() ? value.get<std::string>() : value.dump()});
  }
}

}  // namespace

devices::Catalog device_catalog(const Json& options, const program::Environment& environment) {
  std::vector<std::filesystem::path> folders = environment.device_folders;
  if (options["devices_dir"].is_string()) folders.emplace_back(options["devices_dir"].get<std::string>());
  return devices::load_catalog(folders);
}

Device find_device(const devices::Catalog& catalog, const std::string& name) {
  if (name == "host") return devices::host_device(platform::detect_host());
  std::vector<std::string> names = catalog.names();
  if (std::ranges::count(names, name) > 0) return catalog.require(name);
  names.emplace_back("host");
  fail(ErrorKind::config, "unknown device '{}'{}", name, suggestion(name, names));
}

int run_devices_list(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = program::settings(command("devices list"), Json::object(), invocation);
  std::vector<Device> all = device_catalog(options, environment).devices;
  all.push_back(devices::host_device(platform::detect_host()));
  Rows rows{{"device", "what", "CPU", "GPU", "CUDA", "GPU FP16", "GPU INT8", "memory", "GB/s"}};
  Json list = Json::array();
  for (const Device& device : all) {
    rows.push_back(list_row(device));
    list.push_back(list_entry(device));
  }
  const std::string format = options["format"];
  std::cout << (format.starts_with("json") ? render_objects(list, format) : render_rows(rows, format));
  return program::kOk;
}

int run_devices_show(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = program::settings(command("devices show"), Json::object(), invocation);
  const Json entry = list_entry(find_device(device_catalog(options, environment), invocation.inputs.at(0)));
  Rows rows;
  add_rows(rows, "", entry);
  std::cout << (options["format"] == "json" ? json_text(entry, 2) + "\n" : text_table(rows));
  return program::kOk;
}

}  // namespace quench::cli
