#pragma once

#include "devices/device.h"
#include "platform/host.h"

namespace quench::devices {

/// This machine as a device named `host`: what the system tells. It has no peaks: measure it (`quench bench`).
Device host_device(const platform::Host& host);

}  // namespace quench::devices
