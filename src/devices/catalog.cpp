#include "devices/catalog.h"

#include <algorithm>
#include <map>

#include "config/yaml.h"
#include "core/error.h"
#include "core/text.h"

namespace quench::devices {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> yaml_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code)) {
    if (entry->path().extension() == ".yaml") files.push_back(entry->path());
  }
  if (code) fail(ErrorKind::io, "[devices] cannot read the folder {}: {}", folder.string(), code.message());
  std::ranges::sort(files);
  return files;
}

bool is_name(const std::string& text) {
  return !text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
}

Device read_device(const fs::path& file) {
  const std::string name = file.stem().string();
  if (!is_name(name)) {
    fail(ErrorKind::config, "{}: expected a name of lower-case letters, digits and dashes, got '{}'", file.string(),
         name);
  }
  if (name == "host") {
    fail(ErrorKind::config, "{}: expected another name than 'host', which is this machine", file.string());
  }
  Device device = device_from(config::read_yaml(file), name, file.string());
  device.file = file;
  return device;
}

void require_unique(const std::vector<Device>& devices) {
  std::map<std::string, const Device*> names, anchors;
  for (const Device& device : devices) {
    if (const auto [found, is_new] = names.try_emplace(device.name, &device); !is_new) {
      fail(ErrorKind::config, "{}: expected each device once, got '{}' in {} too", device.file.string(), device.name,
           found->second->file.string());
    }
    for (const std::string& anchor : device.anchors) {
      if (const auto [found, is_new] = anchors.try_emplace(anchor, &device); !is_new) {
        fail(ErrorKind::config, "{}: expected each anchor's name once, got '{}' in {} too", device.file.string(),
             anchor, found->second->file.string());
      }
    }
  }
}

}  // namespace

std::vector<std::string> Catalog::names() const {
  std::vector<std::string> names;
  for (const Device& device : devices) names.push_back(device.name);
  return names;
}

const Device& Catalog::require(const std::string& name) const {
  const auto found = std::ranges::find(devices, name, &Device::name);
  if (found != devices.end()) return *found;
  fail(ErrorKind::config, "unknown device '{}'{}", name, suggestion(name, names()));
}

const Device* Catalog::by_anchor(const std::string& anchor) const {
  const auto found = std::ranges::find_if(devices, [&](const Device& device) {
    return device.name == anchor || std::ranges::count(device.anchors, anchor) > 0;
  });
  return found == devices.end() ? nullptr : &*found;
}

Catalog load_catalog(const std::vector<fs::path>& folders) {
  Catalog catalog;
  for (const fs::path& folder : folders) {
    for (const fs::path& file : yaml_files(folder)) {
      if (file.filename() == kFitFile) {
        catalog.fit = merged(fit_from(config::read_yaml(file), file.string()), catalog.fit);
      } else {
        catalog.devices.push_back(read_device(file));
      }
    }
  }
  require_unique(catalog.devices);
  std::ranges::sort(catalog.devices, {}, &Device::name);
  return catalog;
}

}  // namespace quench::devices
