#include "core/random_id.h"

#include <fmt/format.h>

#include <random>

namespace quench {

std::string random_id() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

}  // namespace quench
