#include "core/text.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <numeric>

namespace quench {
namespace {

size_t edit_distance(std::string_view a, std::string_view b) {  // Levenshtein, two rows
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j + 1] + 1, row[j] + 1});
    }
  }
  return row[b.size()];
}

constexpr size_t kFewestOfPrefix = 3;
constexpr size_t kMostListed = 20;

/// The shortest candidate that begins with `name` ("--conf", "--confidence"); empty where none does, or where the name
/// says too little.
std::string shortest_with_prefix(std::string_view name, const std::vector<std::string>& candidates) {
  const std::string begin = lower(name);
  if (begin.size() - std::min(begin.size(), begin.find_first_not_of('-')) < kFewestOfPrefix) return {};
  std::string best;
  for (const std::string& candidate : candidates) {
    if (lower(candidate).starts_with(begin) && (best.empty() || candidate.size() < best.size())) best = candidate;
  }
  return best;
}

}  // namespace

std::string nearest(std::string_view name, const std::vector<std::string>& candidates) {
  if (const std::string whole = shortest_with_prefix(name, candidates); !whole.empty()) return whole;
  std::string best;
  size_t best_distance = name.size() / 2 + 1;
  for (const std::string& candidate : candidates) {
    const size_t distance = edit_distance(lower(name), lower(candidate));
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string suggestion(std::string_view name, const std::vector<std::string>& candidates) {
  if (const std::string near = nearest(name, candidates); !near.empty()) {
    return fmt::format(" (did you mean '{}'?)", near);
  }
  if (candidates.size() > kMostListed) {
    return fmt::format(" (known: {}, ... and {} more)",
                       fmt::join(candidates.begin(), candidates.begin() + kMostListed, ", "),
                       candidates.size() - kMostListed);
  }
  return fmt::format(" (known: {})", fmt::join(candidates, ", "));
}

std::vector<std::string> split_text(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return parts;
}

std::string counted(int64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string counted(int64_t count, std::string_view one) { return counted(count, one, fmt::format("{}s", one)); }

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

}  // namespace quench
