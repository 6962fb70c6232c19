#include "prune/group_drawing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "core/escape_html.h"

namespace quench::prune {
namespace {

constexpr int kRow = 18, kLane = 14, kTop = 34, kTextWidth = 300;
constexpr std::array kColours{"#2563eb", "#b45309", "#15803d", "#9333ea", "#be123c", "#0e7490", "#4d7c0f", "#c026d3"};

/// Where a group is drawn.
struct Lane {
  int column = 0;
  int first = 0, last = 0;  ///< rows
};

/// Row of each node, -1 for those that no group meets.
std::vector<int> rows_of(const graph::Graph& graph, const std::vector<ChannelGroup>& groups) {
  std::vector<int> rows(graph.nodes.size(), -1);
  for (const ChannelGroup& group : groups) {
    for (const Member& member : group.members) rows[member.node] = 0;
  }
  int next = 0;
  for (int& row : rows) {
    if (row == 0) row = next++;
  }
  return rows;
}

/// Groups that do not meet share a column: each takes the first that is free where it begins.
std::vector<Lane> lanes_of(const std::vector<ChannelGroup>& groups, const std::vector<int>& rows) {
  std::vector<Lane> lanes(groups.size());
  std::vector<size_t> order;
  for (size_t g = 0; g < groups.size(); ++g) {
    if (groups[g].members.empty()) continue;
    const auto [first, last] =
        std::ranges::minmax(groups[g].members, {}, [&](const Member& m) { return rows[m.node]; });
    lanes[g] = {0, rows[first.node], rows[last.node]};
    order.push_back(g);
  }
  std::ranges::stable_sort(order, {}, [&](size_t g) { return lanes[g].first; });
  std::vector<int> free_from;  // by column
  for (const size_t g : order) {
    const auto found = std::ranges::find_if(free_from, [&](int row) { return row <= lanes[g].first; });
    lanes[g].column = static_cast<int>(found - free_from.begin());
    if (found == free_from.end()) free_from.push_back(0);
    free_from[lanes[g].column] = lanes[g].last + 1;
  }
  return lanes;
}

std::string mark(Role role, int x, int y, const char* colour) {
  switch (role) {
    case Role::makes: return fmt::format(R"(<circle cx="{}" cy="{}" r="5" fill="{}"/>)", x, y, colour);
    case Role::reads:
      return fmt::format(R"(<circle cx="{}" cy="{}" r="4" fill="white" stroke="{}" stroke-width="2"/>)", x, y, colour);
    default: return fmt::format(R"(<path d="M{} {}h8" stroke="{}" stroke-width="2"/>)", x - 4, y, colour);
  }
}

}  // namespace

std::string group_drawing(const graph::Graph& graph, const std::vector<ChannelGroup>& groups) {
  const std::vector<int> rows = rows_of(graph, groups);
  const std::vector<Lane> lanes = lanes_of(groups, rows);
  int columns = 0;
  for (const Lane& lane : lanes) columns = std::max(columns, lane.column + 1);
  const int count = rows.empty() ? 0 : std::ranges::max(rows) + 1;
  const int width = kTextWidth + std::max(columns * kLane, 420) + 20, height = kTop + count * kRow + 10;
  const auto x_of = [](int column) { return kTextWidth + column * kLane + kLane / 2; };
  const auto y_of = [](int row) { return kTop + row * kRow + kRow / 2; };
  std::string out = fmt::format(
      R"(<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}" viewBox="0 0 {0} {1}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
<text x="10" y="20">Channels that are cut together: a lane is a group; </text>
)",
      width, height);
  auto at = std::back_inserter(out);
  fmt::format_to(at, "{}<text x=\"{}\" y=\"20\">makes</text>\n", mark(Role::makes, x_of(0), 16, "#444"), x_of(0) + 8);
  fmt::format_to(at, "{}<text x=\"{}\" y=\"20\">reads</text>\n", mark(Role::reads, x_of(5), 16, "#444"), x_of(5) + 8);
  fmt::format_to(at, "{}<text x=\"{}\" y=\"20\">passes on; grey: kept</text>\n",
                 mark(Role::follows, x_of(10), 16, "#444"), x_of(10) + 8);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (rows[i] < 0) continue;
    if (rows[i] % 2 == 0) {
      fmt::format_to(at, "<rect y=\"{}\" width=\"100%\" height=\"{}\" fill=\"#f4f4f5\"/>\n", kTop + rows[i] * kRow,
                     kRow);
    }
    fmt::format_to(at, "<text x=\"10\" y=\"{}\">{} <tspan fill=\"#777\">{}</tspan></text>\n", y_of(rows[i]) + 4,
                   escape_html(graph.nodes[i].name), to_string(graph.nodes[i].op));
  }
  for (size_t g = 0; g < groups.size(); ++g) {
    if (groups[g].members.empty()) continue;
    const char* colour = groups[g].prunable() ? kColours[g % kColours.size()] : "#a1a1aa";
    const int x = x_of(lanes[g].column);
    fmt::format_to(at, "<g><title>{}: {} channels{}</title>", escape_html(groups[g].name), groups[g].width(),
                   groups[g].prunable() ? "" : escape_html(", kept: " + groups[g].kept_because));
    fmt::format_to(at, R"(<path d="M{0} {1}V{2}" stroke="{3}" stroke-width="2"/>)", x, y_of(lanes[g].first),
                   y_of(lanes[g].last), colour);
    for (const Member& member : groups[g].members) out += mark(member.role, x, y_of(rows[member.node]), colour);
    out += "</g>\n";
  }
  return out + "</svg>\n";
}

}  // namespace quench::prune
