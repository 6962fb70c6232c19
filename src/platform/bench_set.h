#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "platform/bench.h"
#include "runtime/registry.h"

namespace quench::platform {

/// A model in a runtime that is to be timed.
struct BenchEntry {
  std::string name;  ///< for messages
  std::string runtime;
  const graph::ModelFile* model = nullptr;
  runtime::SessionOptions options = {};
  std::function<Tensor()> image = {};              ///< [1,3,H,W] uint8; empty: noise_image of the model
  record::Record* record = nullptr;                ///< gets latency, energy and conditions
  std::unique_ptr<runtime::Session> session = {};  ///< loaded by bench_set where it is empty; null where that failed
};

struct BenchSetOptions {
  runtime::MeasureOptions measure = {};
  /// Called inside the handler of the error of loading or timing entry i, also for `cancelled`: sets the record's
  /// failure, or throws on (`throw;`).
  std::function<void(size_t i, const Error&)> failed = {};
  /// Called when entry i is loaded and has run; an error from it is the entry's.
  std::function<void(size_t i)> opened = {};
  bool tell = true;  ///< say the notes of sessions loaded here, what cannot be measured, latencies that did not settle
  bool drift = false;  ///< time the first model alone before all others and again at the end
};

struct BenchSet {
  std::vector<std::optional<Benched>> benched;  ///< one an entry; none where it failed
  /// Median latency of the first model at the end over that at the beginning, less one: 0.1 where the machine became
  /// 10 % slower. Of sessions that do not time themselves; none without BenchSetOptions::drift.
  std::optional<double> drift;
  /// Every latency settled in its warm-up, and the drift is within kDriftLimit.
  bool stable = true;
};

/// Rows of a set whose drift is larger were not timed on the same machine, as it were.
constexpr double kDriftLimit = 0.05;

/// The one loop of benchmarks: loads every entry's session and runs it once, so that what cannot run fails there and
/// not amid the others, times all in turn (platform::bench), fills the records, warns of throttling and drift. A
/// session that times itself fails alone; an error while several are timed in turn is the failure of each of them.
BenchSet bench_set(std::vector<BenchEntry>& entries, const runtime::Registry& registry, const BenchSetOptions& options,
                   const LogSink& log, const CancelToken& cancel, const std::filesystem::path& root = "/");

}  // namespace quench::platform
