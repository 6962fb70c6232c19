#include "study/verify.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/error.h"
#include "core/hash.h"
#include "core/without_place.h"
#include "inference/evaluate.h"
#include "platform/bench_set.h"
#include "platform/measured.h"
#include "study/cell_record.h"
#include "study/stages.h"

namespace quench::study {
namespace {

using record::Record;

std::optional<double> accuracy_of(const Record& record) { return record.top1 ? record.top1 : record.map_50_95; }

/// Whether a record's settings say what is needed to do its work again, each of its type.
bool tells_settings(const Json& config) {
  if (!config.is_object() || !config.contains("data") || !config["data"].is_object()) return false;
  if (config.contains("test_digest") && !config["test_digest"].is_string()) return false;
  if (!config.contains("bench")) return true;
  return config["bench"].is_object() &&
         std::ranges::all_of(config["bench"], [](const Json& v) { return v.is_number(); });
}

/// Models and data of an archive, opened once each.
class Verification {
 public:
  Verification(const Archive& archive, const VerifyOptions& options, const LogSink& log, const CancelToken& cancel)
      : archive_(archive), options_(options), log_(log), cancel_(cancel), records_(archive.records()) {
    for (const Record& record : records_) {
      rows_.push_back({record.cell.value_or("?"), accuracy_of(record), {}, {}, {}, "", reason_to_skip(record)});
      if (record.latency_p50_ns) rows_.back().latency_then = static_cast<double>(*record.latency_p50_ns);
    }
  }

  std::vector<VerifiedRow> run() {
    if (options_.accuracy) {
      for (size_t i = 0; i < records_.size(); ++i) {
        if (rows_[i].note.empty()) verify_accuracy(i);
      }
    }
    if (options_.latency) time_again();
    return std::move(rows_);
  }

 private:
  /// Empty: its work can be done again here.
  std::string reason_to_skip(const Record& record) const {
    if (record.status != "ok") return "it has no result";
    if (record.latency_source == "forecast") return "a forecast";
    if (record.device && *record.device != "host") return fmt::format("measured on {}", *record.device);
    if (!record.artifact) return "it names no model";
    if (!record.runtime || !tells_settings(record.config)) return "it does not tell its settings";
    try {
      options_.registry->require(*record.runtime);
    } catch (const Error&) {
      return fmt::format("runtime {} is not here", *record.runtime);
    }
    return "";
  }

  const graph::ModelFile& model(const Record& record) {
    if (const auto found = models_.find(*record.artifact); found != models_.end()) return found->second;
    const std::string& bytes = archive_.content(*record.artifact);
    graph::ModelFile file{*record.artifact, bytes, sha256_hex(bytes), graph::read_onnx(bytes, *record.artifact)};
    return models_.emplace(*record.artifact, std::move(file)).first->second;
  }

  const data::Splits& data(const Record& record) {
    const Json& settings = record.config["data"];
    const std::string key = settings.dump();
    if (const auto found = data_.find(key); found != data_.end()) return found->second;
    return data_.emplace(key, open_data(settings, options_.data_root, log_)).first->second;
  }

  void verify_accuracy(size_t i) {
    const Record& record = records_[i];
    VerifiedRow& row = rows_[i];
    if (!row.accuracy_then) return;
    try {
      const data::Splits& images = data(record);
      if (const std::string digest = record.config.value("test_digest", "");
          !digest.empty() && digest != images.test->digest()) {
        fail(ErrorKind::data, "the test images are not those of the study");
      }
      const std::string key = fmt::format("{}|{}|{}|{}", *record.artifact, *record.runtime,
                                          record.config["data"].dump(), record.config.value("detect", Json()).dump());
      if (!accuracies_.contains(key)) accuracies_[key] = evaluated(record, images);
      row.accuracy_now = accuracies_[key];
      const double apart = std::abs(*row.accuracy_now - *row.accuracy_then);
      if (apart > (*record.runtime == "native" ? 1e-9 : kOtherRuntimes)) row.fault = "another accuracy";
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::cancelled) throw;
      row.fault = without_place(error.what());
    } catch (const Json::exception&) {
      row.fault = "settings of another type than those of a study";
    }
  }

  double evaluated(const Record& record, const data::Splits& images) {
    log_.info(fmt::format("{}: evaluating with {}", record.cell.value_or("?"), *record.runtime));
    runtime::SessionOptions session;
    session.threads = record.threads.value_or(1);
    inference::Engine engine(options_.registry->require(*record.runtime), model(record), session);
    const Json detect = record.config.value("detect", Json());
    const score::Evaluation evaluation = inference::evaluate(engine, *images.test, {.settings = detect}, log_, cancel_);
    Record scored;
    scored.task = record.task;
    set_scores(scored, evaluation, evaluation);
    const auto accuracy = accuracy_of(scored);
    if (!accuracy) fail(ErrorKind::data, "no accuracy was computed");
    return *accuracy;
  }

  /// Rows that were timed in turn, in turn.
  void time_again() {
    std::map<std::string, std::vector<size_t>> groups;
    for (size_t i = 0; i < records_.size(); ++i) {
      const Record& record = records_[i];
      if (rows_[i].note.empty() && rows_[i].latency_then && record.timing_id) groups[*record.timing_id].push_back(i);
    }
    for (const auto& [id, members] : groups) {
      std::vector<Record> timed(members.size());
      std::vector<platform::BenchEntry> entries;
      for (size_t k = 0; k < members.size(); ++k) {
        const Record& record = records_[members[k]];
        runtime::SessionOptions session;
        session.threads = record.threads.value_or(1);
        try {
          entries.push_back({.name = record.cell.value_or("?"),
                             .runtime = *record.runtime,
                             .model = &model(record),
                             .options = session,
                             .record = &timed[k]});
        } catch (const Error& error) {
          rows_[members[k]].fault = without_place(error.what());
        }
      }
      const Json bench = records_[members.front()].config.value("bench", Json::object());
      platform::BenchSetOptions set;
      set.measure = {.min_samples = bench.value("min_samples", int64_t{200}),
                     .min_seconds = bench.value("min_seconds", 3.0)};
      set.failed = [](size_t, const Error& error) {
        if (error.kind() == ErrorKind::cancelled) throw;
      };
      log_.info(fmt::format("timing {} models in turn", entries.size()));
      platform::bench_set(entries, *options_.registry, set, log_, cancel_);
      for (size_t k = 0; k < members.size(); ++k) {
        if (timed[k].latency_p50_ns) rows_[members[k]].latency_now = static_cast<double>(*timed[k].latency_p50_ns);
      }
    }
  }

  const Archive& archive_;
  const VerifyOptions& options_;
  const LogSink& log_;
  const CancelToken& cancel_;
  std::vector<Record> records_;
  std::vector<VerifiedRow> rows_;
  std::map<std::string, graph::ModelFile> models_;
  std::map<std::string, data::Splits> data_;
  std::map<std::string, double> accuracies_;
};

}  // namespace

std::vector<VerifiedRow> verify(const Archive& archive, const VerifyOptions& options, const LogSink& log,
                                const CancelToken& cancel) {
  return Verification(archive, options, log, cancel).run();
}

}  // namespace quench::study
