#include "models/scaled.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/error.h"
#include "core/text.h"

namespace quench::models {
namespace {

/// "yolov8n-cls" -> "yolov8-cls": what its members' names have in common.
std::string family_name(const Spec& spec) {
  const size_t size = spec.family.size();
  return spec.name.substr(0, size) + spec.name.substr(size + 1);
}

/// Takes a letter and the number after it off the front of `rest`.
double multiplier(std::string_view& rest, char letter, const std::string& name) {
  double value = 0;
  const char* const end = rest.data() + rest.size();
  const bool led = !rest.empty() && rest.front() == letter;
  const auto [stop, code] = std::from_chars(rest.data() + led, end, value, std::chars_format::fixed);
  if (!led || code != std::errc()) {
    fail(ErrorKind::config, "[models] expected multipliers of depth and width as in 'yolov8:d0.67w0.25', got '{}'",
         name);
  }
  if (!(value >= kLeastMultiplier && value <= kMostMultiplier)) {
    fail(ErrorKind::config, "[models] expected a multiplier of {} from {} to {}, got {} in '{}'",
         letter == 'd' ? "depth" : "width", kLeastMultiplier, kMostMultiplier, value, name);
  }
  rest = {stop, static_cast<size_t>(end - stop)};
  return value;
}

}  // namespace

std::optional<Spec> scaled_spec(const std::string& name, const std::vector<Spec>& catalog) {
  const size_t colon = name.find(':');
  if (colon == std::string::npos) return std::nullopt;
  const std::string family = name.substr(0, colon);
  std::vector<Spec> members;
  std::vector<std::string> families;
  for (const Spec& spec : catalog) {
    if (family_name(spec) == family) members.push_back(spec);
    if (std::ranges::count(families, family_name(spec)) == 0) families.push_back(family_name(spec));
  }
  if (members.empty()) {
    fail(ErrorKind::config, "[models] unknown family '{}' in '{}'{}", family, name, suggestion(family, families));
  }
  std::string_view rest = std::string_view(name).substr(colon + 1);
  const double depth = multiplier(rest, 'd', name);
  const double width = multiplier(rest, 'w', name);
  if (!rest.empty()) {
    fail(ErrorKind::config, "[models] expected nothing after the multipliers, got '{}' in '{}'", rest, name);
  }
  Spec spec = *std::ranges::min_element(members, {}, [&](const Spec& s) { return std::abs(s.depth - depth); });
  spec.name = fmt::format("{}:d{}w{}", family, depth, width);
  spec.depth = depth;
  spec.width = width;
  return spec;
}

}  // namespace quench::models
