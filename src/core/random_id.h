#pragma once

#include <string>

namespace quench {

/// 16 lower-case hex digits from the system's source of randomness: a name that no other process, and no other call
/// within one second, makes again.
std::string random_id();

}  // namespace quench
