#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>

#include "models/spec.h"
#include "prune/group_drawing.h"

namespace quench::prune {
namespace {

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++found;
  return found;
}

TEST(GroupDrawing, DrawsALaneForEveryGroupAndAMarkForEveryMember) {
  const graph::Graph graph = models::build("yolov8n", {});
  const std::vector<prune::ChannelGroup> groups = prune::channel_groups(graph);
  const std::string svg = group_drawing(graph, groups);
  std::map<prune::Role, size_t> members;
  for (const prune::ChannelGroup& group : groups) {
    for (const prune::Member& member : group.members) ++members[member.role];
    EXPECT_NE(svg.find("<title>" + group.name + ": "), std::string::npos) << group.name;
  }
  EXPECT_EQ(count(svg, "<g>"), groups.size());
  EXPECT_EQ(count(svg, "r=\"5\""), members[prune::Role::makes] + 1);  // and one in the legend
  EXPECT_EQ(count(svg, "r=\"4\""), members[prune::Role::reads] + 1);
  EXPECT_EQ(count(svg, "h8\""), members[prune::Role::follows] + 1);
  EXPECT_NE(svg.find("kept: output"), std::string::npos);
}

TEST(GroupDrawing, LanesOfOneColumnDoNotMeet) {
  const graph::Graph graph = models::build("yolov5s", {});
  const std::string svg = group_drawing(graph, prune::channel_groups(graph));
  const std::regex lane("<path d=\"M([0-9]+) ([0-9]+)V([0-9]+)\"");
  std::map<int, std::vector<std::pair<int, int>>> columns;
  for (std::sregex_iterator at(svg.begin(), svg.end(), lane), end; at != end; ++at) {
    columns[std::stoi((*at)[1])].emplace_back(std::stoi((*at)[2]), std::stoi((*at)[3]));
  }
  EXPECT_GT(columns.size(), 3U);
  for (auto& [x, spans] : columns) {
    std::ranges::sort(spans);
    for (size_t i = 1; i < spans.size(); ++i) EXPECT_LT(spans[i - 1].second, spans[i].first) << "column " << x;
  }
}

TEST(GroupDrawing, EscapesNames) {
  graph::Graph graph = models::build("yolov5n-cls", {.classes = {"a", "b"}});
  graph.nodes[0].name = "<script>&\"";
  const std::string svg = group_drawing(graph, prune::channel_groups(graph));
  EXPECT_EQ(svg.find("<script>"), std::string::npos);
  EXPECT_NE(svg.find("&lt;script&gt;&amp;"), std::string::npos);
}

}  // namespace
}  // namespace quench::prune
