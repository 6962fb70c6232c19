#include <algorithm>
#include <limits>

#include "core/error.h"
#include "core/json_text.h"
#include "graph/onnx_write.h"
#include "latency_table/timer.h"
#include "platform/layer_times.h"

namespace quench::latency_table {
namespace {

class BoardTimer : public Timer {
 public:
  BoardTimer(remote::AgentPlace place, int threads, const LogSink& log, const CancelToken& cancel)
      : place_(std::move(place)), threads_(threads), log_(log), cancel_(cancel) {}

  std::string device() const override { return place_.address; }

  /// One job on the board does all of them.
  size_t at_once() const override { return std::numeric_limits<size_t>::max(); }

  std::vector<std::vector<double>> layers(const std::vector<platform::LayerWidths>& all) override {
    remote::AgentRequest request;
    request.command = "layers";
    request.models = {remote::RemoteFile::of_bytes("layers", json_text(platform::to_json(all)))};
    request.settings = {{"runtime", "native"}, {"threads", threads_}};
    const record::Record record = ask(request);
    const Json times = record.config.value("layer_times_ns", Json());
    std::vector<std::vector<double>> out;
    for (size_t i = 0; times.is_array() && i < times.size(); ++i) {
      if (!times[i].is_array()) break;
      std::vector<double>& of_entry = out.emplace_back();
      for (const Json& ns : times[i]) of_entry.push_back(ns.is_number() ? ns.get<double>() : -1);
    }
    check(all, out);
    return out;
  }

  double model(const graph::Graph& graph) override {
    remote::AgentRequest request;
    request.command = "bench";
    request.models = {remote::RemoteFile::of_bytes("model", graph::write_onnx(graph))};
    request.settings = {{"runtime", "native"}, {"threads", threads_}, {"min_samples", 50}, {"min_seconds", 2.0}};
    const record::Record record = ask(request);
    if (!record.latency_p50_ns) fail(ErrorKind::data, "{}: expected a latency, got none", agent().name());
    return static_cast<double>(*record.latency_p50_ns);
  }

 private:
  remote::RemoteAgent& agent() {
    if (!agent_) agent_ = std::make_unique<remote::RemoteAgent>(place_, log_, cancel_);
    return *agent_;
  }

  record::Record ask(const remote::AgentRequest& request) {
    record::Record record = agent().run(request).records.front();
    if (record.status != "ok") {
      fail(ErrorKind::unsupported, "{}: {}", agent().name(), record.reason.value_or(record.status));
    }
    return record;
  }

  void check(const std::vector<platform::LayerWidths>& all, const std::vector<std::vector<double>>& out) {
    bool good = out.size() == all.size();
    for (size_t i = 0; good && i < out.size(); ++i) {
      good = out[i].size() == all[i].out.size() && std::ranges::all_of(out[i], [](double ns) { return ns >= 0; });
    }
    if (!good) fail(ErrorKind::data, "{}: expected times of {} layers", agent().name(), all.size());
  }

  remote::AgentPlace place_;
  int threads_;
  const LogSink& log_;
  const CancelToken& cancel_;
  std::unique_ptr<remote::RemoteAgent> agent_;
};

}  // namespace

std::unique_ptr<Timer> board_timer(remote::AgentPlace place, int threads, const LogSink& log,
                                   const CancelToken& cancel) {
  return std::make_unique<BoardTimer>(std::move(place), threads, log, cancel);
}

}  // namespace quench::latency_table
