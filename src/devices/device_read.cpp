#include <algorithm>

#include "config/option.h"
#include "core/error.h"
#include "devices/device.h"

namespace quench::devices {
namespace {

using config::Option;
using config::OptionSet;
using T = config::OptionType;

Option text(const char* name) { return {name, T::text, nullptr, ""}; }
Option texts(const char* name) { return {name, T::text_list, nullptr, ""}; }
Option number(const char* name, double max) { return {name, T::number, nullptr, "", {}, 1e-3, max}; }
Option count(const char* name, double max, double min = 0) { return {name, T::integer, nullptr, "", {}, min, max}; }

const OptionSet& peak_keys() {
  static const OptionSet keys(
      {number("fp32_gflops", 1e7), number("tf32_gflops", 1e7), number("fp16_gflops", 1e7), number("int8_gops", 1e7)});
  return keys;
}

const OptionSet& cpu_keys() {
  static const OptionSet keys({text("name"),
                               {"arch", T::text, nullptr, "", {"aarch64", "x86_64"}},
                               count("cores", 4096, 1),
                               number("clock_mhz", 1e5),
                               texts("isa")});
  return keys;
}

const OptionSet& gpu_keys() {
  static const OptionSet keys({text("name"), text("arch"), text("compute_capability"), count("cuda_cores", 1e6),
                               count("tensor_cores", 1e6), number("clock_mhz", 1e5)});
  return keys;
}

const OptionSet& memory_keys() {
  static const OptionSet keys({count("bytes", 1e15), number("bandwidth_gbs", 1e5)});
  return keys;
}

const OptionSet& mode_keys() {
  static const OptionSet keys({text("name"), number("power_w", 1e5), count("cpu_cores", 4096, 1),
                               number("cpu_clock_mhz", 1e5), number("gpu_clock_mhz", 1e5),
                               number("bandwidth_gbs", 1e5)});
  return keys;
}

const OptionSet& software_keys() {
  static const OptionSet keys(
      {text("os"), text("kernel"), text("glibc"), text("jetpack"), text("cuda"), text("tensorrt")});
  return keys;
}

const OptionSet& device_keys() {
  static const OptionSet keys({text("title"), text("address"), texts("notes"), texts("anchors"), texts("sources")});
  return keys;
}

std::string text_of(const Json& value) { return value.is_null() ? "" : value.get<std::string>(); }

std::vector<std::string> texts_of(const Json& value) {
  return value.is_null() ? std::vector<std::string>() : value.get<std::vector<std::string>>();
}

template <typename T>
std::optional<T> optional_of(const Json& value) {
  return value.is_null() ? std::nullopt : std::optional<T>(value.get<T>());
}

void require(const Json& map, std::initializer_list<const char*> keys, const std::string& where) {
  for (const char* key : keys) {
    if (map[key].is_null()) fail(ErrorKind::config, "{}: expected the key '{}', got none", where, key);
  }
}

/// A version that rules compare; empty stays empty.
std::string version_of(const Json& value, const std::string& where) {
  const std::string version = text_of(value);
  try {
    if (!version.empty()) version_less(version, version);
  } catch (const Error& error) {
    fail(ErrorKind::config, "{}: {}", where, error.what());
  }
  return version;
}

Peak peak_from(const Json& map, const std::string& where) {
  const Json values = peak_keys().checked(map, where);
  return {optional_of<double>(values["fp32_gflops"]), optional_of<double>(values["tf32_gflops"]),
          optional_of<double>(values["fp16_gflops"]), optional_of<double>(values["int8_gops"])};
}

/// Takes the map under `key` out of `map`; empty where there is none.
Json take(Json& map, const char* key, const std::string& where) {
  const auto found = map.find(key);
  if (found == map.end() || found->is_null()) return Json::object();
  Json part = *found;
  map.erase(key);
  if (!part.is_object()) fail(ErrorKind::config, "{}: expected a map for '{}', got {}", where, key, part.dump());
  return part;
}

Cpu cpu_from(Json map, const std::string& where) {
  const Peak peak = peak_from(take(map, "peak", where), where + ".peak");
  const Json values = cpu_keys().checked(map, where);
  require(values, {"name", "arch", "cores"}, where);
  return {text_of(values["name"]), text_of(values["arch"]),
          values["cores"],         optional_of<double>(values["clock_mhz"]),
          texts_of(values["isa"]), peak};
}

Gpu gpu_from(Json map, const std::string& where) {
  const Peak peak = peak_from(take(map, "peak", where), where + ".peak");
  const Json values = gpu_keys().checked(map, where);
  require(values, {"name"}, where);
  return {text_of(values["name"]),
          text_of(values["arch"]),
          version_of(values["compute_capability"], where + ".compute_capability"),
          optional_of<int64_t>(values["cuda_cores"]).value_or(0),
          optional_of<int64_t>(values["tensor_cores"]).value_or(0),
          optional_of<double>(values["clock_mhz"]),
          peak};
}

PowerMode mode_from(const Json& map, const std::string& where) {
  const Json values = mode_keys().checked(map, where);
  require(values, {"name"}, where);
  return {values["name"],
          optional_of<double>(values["power_w"]),
          optional_of<int64_t>(values["cpu_cores"]),
          optional_of<double>(values["cpu_clock_mhz"]),
          optional_of<double>(values["gpu_clock_mhz"]),
          optional_of<double>(values["bandwidth_gbs"])};
}

std::vector<PowerMode> modes_from(Json& map, const std::string& where) {
  std::vector<PowerMode> modes;
  const auto found = map.find("power_modes");
  if (found == map.end() || found->is_null()) return modes;
  if (!found->is_array()) fail(ErrorKind::config, "{}: expected a list of maps, got {}", where, found->dump());
  for (const Json& entry : *found) {
    modes.push_back(mode_from(entry, where));
    const auto same = [&](const PowerMode& mode) { return mode.name == modes.back().name; };
    if (std::ranges::count_if(modes, same) > 1) {
      fail(ErrorKind::config, "{}: expected each mode once, got '{}' twice", where, modes.back().name);
    }
  }
  map.erase("power_modes");
  return modes;
}

Software software_from(const Json& map, const std::string& where) {
  const Json values = software_keys().checked(map, where);
  return {text_of(values["os"]),      text_of(values["kernel"]), version_of(values["glibc"], where + ".glibc"),
          text_of(values["jetpack"]), text_of(values["cuda"]),   text_of(values["tensorrt"])};
}

}  // namespace

Device device_from(const Json& content, const std::string& name, const std::string& where) {
  if (!content.is_object()) {
    fail(ErrorKind::config, "{}: expected a map that describes a device, got {}", where, content.dump().substr(0, 80));
  }
  Json map = content;
  Device device;
  device.name = name;
  device.cpu = cpu_from(take(map, "cpu", where), where + ".cpu");
  if (const Json gpu = take(map, "gpu", where); !gpu.empty()) device.gpu = gpu_from(gpu, where + ".gpu");
  const Json memory = memory_keys().checked(take(map, "memory", where), where + ".memory");
  device.memory_bytes = optional_of<int64_t>(memory["bytes"]);
  device.bandwidth_gbs = optional_of<double>(memory["bandwidth_gbs"]);
  device.power_modes = modes_from(map, where + ".power_modes");
  device.software = software_from(take(map, "software", where), where + ".software");
  const Json values = device_keys().checked(map, where);
  require(values, {"title"}, where);
  device.title = values["title"];
  device.address = text_of(values["address"]);
  if (!device.address.empty() && !device.address.starts_with("ssh://")) {
    fail(ErrorKind::config, "{}.address: expected ssh://user@host[:port], got '{}'", where, device.address);
  }
  device.notes = texts_of(values["notes"]);
  device.anchors = texts_of(values["anchors"]);
  device.sources = texts_of(values["sources"]);
  return device;
}

}  // namespace quench::devices
