// A table that is learned on a board: one on loopback, reached by a real sshd, with the real quench-agent.

#include "error_testing.h"
#include "latency_table/learn.h"
#include "latency_table/source.h"
#include "models/spec.h"
#include "remote_testing.h"

namespace quench::latency_table {
namespace {

class BoardTable : public remote::RemoteTest {};

TEST_F(BoardTable, IsLearnedByTheAgentAndKeptHere) {
  Surroundings where;
  where.cache_folder = folder_ / "cache";
  where.version = "1";
  where.boards = {{"bench-board", server_->address(), QUENCH_AGENT_PROGRAM, server_->config().string()}};
  const prune::LatencyOf of = latency_of(where, log_, cancel_);
  const graph::Graph graph = models::build("yolov5n-cls", {.classes = {"a", "b"}, .imgsz = 32});
  const Json settings{{"latency_device", "bench-board"}, {"latency_precision", "int8"}};
  const prune::Latency latency = of(graph, settings);
  EXPECT_EQ(latency.told.at("latency_source"), "measured");
  EXPECT_EQ(latency.told.at("latency_machine"), server_->address());
  EXPECT_EQ(latency.told.at("latency_device"), "bench-board");
  const Machine machine{server_->address(), "native", 1, "int8", "1"};
  const Table table = read_table(table_file(where.cache_folder, machine), machine, log_);
  EXPECT_EQ(latency.told.at("latency_table"), table.id());
  const std::vector<metrics::ShapedLayer> layers = metrics::shaped_layers(graph, true);
  const double whole = prune::LatencyCost(graph, prune::channel_groups(graph), latency).full();
  ASSERT_TRUE(table.model_ns(layers).has_value());
  EXPECT_GT(whole, 0);
  EXPECT_NEAR(whole, *table.model_ns(layers), 1e-6 * whole);
  EXPECT_EQ(jobs(), 0);

  server_.reset();  // the board is gone; what is known of it is here
  const prune::Latency again = of(graph, settings);
  EXPECT_EQ(again.told, latency.told);
  EXPECT_TRUE(warnings_.empty());
}

}  // namespace
}  // namespace quench::latency_table
