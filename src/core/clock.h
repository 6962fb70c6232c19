#pragma once

#include <cstdint>
#include <string>

namespace quench {

/// Monotonic time in nanoseconds, for durations.
int64_t now_ns();

/// Seconds that have passed since a time of now_ns().
double seconds_since(int64_t start_ns);

/// Wall time now in UTC, ISO 8601: "2026-11-23T02:46:00Z".
std::string utc_now();

/// "1:23:45" or "2:05": a duration for people.
std::string duration_text(double seconds);

}  // namespace quench
