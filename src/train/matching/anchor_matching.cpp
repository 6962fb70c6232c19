#include "train/matching/anchor_matching.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace quench::train {
namespace {

/// A target in units of the level's cells.
struct Placed {
  const Target* target;
  float x, y, width, height;
};

/// Where a match's cell lies from the centre's: the cell that holds the centre moved by this.
constexpr std::array<std::array<float, 2>, 5> kShifts = {{{0, 0}, {-0.5f, 0}, {0, -0.5f}, {0.5f, 0}, {0, 0.5f}}};

/// Whether the centre is nearer to the cell before its own than to the one after, and there is one. Distances are
/// measured from the side that the neighbour lies on; one in the middle has no neighbour.
bool near_side(float distance) { return distance > 1 && distance - std::floor(distance) < 0.5f; }

bool has_neighbour(const Placed& placed, size_t shift, const CellGrid& grid) {
  switch (shift) {
    case 0: return true;
    case 1: return near_side(placed.x);
    case 2: return near_side(placed.y);
    case 3: return near_side(static_cast<float>(grid.width) - placed.x);
    default: return near_side(static_cast<float>(grid.height) - placed.y);
  }
}

/// A box without extent is like no anchor.
bool alike(float a, float b, float ratio) {
  const float r = a / b;
  return r > 0 && std::max(r, 1 / r) < ratio;
}

int64_t cell(float position, int64_t cells) {
  return std::clamp<int64_t>(static_cast<int64_t>(position), 0, cells - 1);
}

void mark_last(std::vector<AnchorMatch>& matches, const CellGrid& grid, int64_t anchors) {
  std::unordered_map<int64_t, size_t> last;
  for (size_t i = 0; i < matches.size(); ++i) {
    const AnchorMatch& m = matches[i];
    const int64_t key = ((m.image * grid.height + m.row) * grid.width + m.column) * anchors + m.anchor;
    const auto [found, added] = last.try_emplace(key, i);
    if (added) continue;
    matches[found->second].last = false;
    found->second = i;
  }
}

}  // namespace

std::vector<AnchorMatch> match_anchors(std::span<const Target> targets, std::span<const std::array<float, 2>> anchors,
                                       const CellGrid& grid, float ratio) {
  const auto width = static_cast<float>(grid.width), height = static_cast<float>(grid.height);
  std::vector<Placed> placed;
  placed.reserve(targets.size());
  for (const Target& t : targets) {
    placed.push_back({&t, t.cx * width, t.cy * height, t.width * width, t.height * height});
  }
  std::vector<AnchorMatch> matches;
  for (size_t shift = 0; shift < kShifts.size(); ++shift) {
    for (size_t a = 0; a < anchors.size(); ++a) {
      for (const Placed& p : placed) {
        if (!alike(p.width, anchors[a][0], ratio) || !alike(p.height, anchors[a][1], ratio)) continue;
        if (!has_neighbour(p, shift, grid)) continue;
        AnchorMatch match;
        match.image = p.target->image;
        match.label = p.target->label;
        match.anchor = static_cast<int64_t>(a);
        match.column = cell(p.x + kShifts[shift][0], grid.width);
        match.row = cell(p.y + kShifts[shift][1], grid.height);
        match.x = p.x - static_cast<float>(match.column);
        match.y = p.y - static_cast<float>(match.row);
        match.width = p.width;
        match.height = p.height;
        matches.push_back(match);
      }
    }
  }
  mark_last(matches, grid, static_cast<int64_t>(anchors.size()));
  return matches;
}

}  // namespace quench::train
