#pragma once

#include "devices/catalog.h"
#include "program/command.h"

namespace quench::cli {

/// The devices of the environment's folders and of `--devices-dir`.
devices::Catalog device_catalog(const Json& options, const program::Environment& environment);

/// By name; `host` is this machine. Throws Error{config} naming the nearest.
devices::Device find_device(const devices::Catalog& catalog, const std::string& name);

}  // namespace quench::cli
