// Studies of worlds whose truth is known, through the functions that write a report's findings.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "core/rng.h"
#include "report/columns.h"
#include "report/findings.h"

namespace quench::report {
namespace {

using record::Record;

/// A study of one model: float32, and methods that get `won` of the images right that it gets wrong and lose `lost` of
/// all images.
class Study {
 public:
  Study(uint64_t seed, int images) : rng_(seed, "study") {
    for (int i = 0; i < images; ++i) float_.push_back(rng_.chance(0.64));
    add("fp32", "", Json::array({{{"train", Json::object()}}}), float_);
  }
  /// Shares of all images that a method wins and loses against float32.
  void add_method(const std::string& method, const std::string& setting, bool tuned, double won, double lost) {
    std::vector<bool> right;
    for (const bool before : float_) right.push_back(before ? !rng_.chance(lost / 0.64) : rng_.chance(won / 0.36));
    Json steps = Json::array({{{"train", Json::object()}}, {{"quantize", {{"observer", setting}}}}});
    if (tuned) steps.push_back({{"finetune", Json::object()}});
    add(method, setting, steps, right);
  }
  /// Rounds of a timing: both models suffer what the machine does, each has noise of its own (1 %).
  void time(size_t row, double ms) {
    rows_[row].latency_p50_ns = std::llround(1e6 * ms);
    rows_[row].timing_id = "t";
    Rng machine(7, "machine");
    std::vector<int64_t> rounds;
    for (int i = 0; i < 30; ++i) {
      const double slow = machine.uniform(1.0, 1.5);
      rounds.push_back(std::llround(1e6 * ms * slow * (1 + 0.01 * rng_.normal())));
    }
    rounds_[*rows_[row].cell] = rounds;
  }
  std::vector<Finding> findings_now() const {
    const Kept kept{[this](const Record& record) { return std::optional(outcomes_.at(*record.outcomes)); },
                    [this](const Record& record) { return std::optional(rounds_.at(*record.cell)); }};
    const MethodComparison comparison = compare_methods(rows_, Metric::top1, kept.outcomes);
    return findings(rows_, Metric::top1, comparison, latency_ratios(rows_, Metric::top1, kept.rounds));
  }
  size_t rows() const { return rows_.size(); }

 private:
  void add(const std::string& method, const std::string& setting, const Json& steps, const std::vector<bool>& right) {
    Record record;
    record.model = "net";
    record.task = "classify";
    record.data = "world";
    record.method = method;
    if (!setting.empty()) record.setting = setting;
    record.runtime = "native";
    record.device = "host";
    record.threads = 1;
    record.seed = 0;
    record.bits_w = record.bits_a = method == "fp32" ? 32 : 8;
    record.cell = method + setting;
    record.outcomes = *record.cell;
    record.config = Json{{"steps", steps}};
    metrics::Outcomes outcomes{"world", {}, {}};
    double count = 0;
    for (const bool one : right) {
      outcomes.ahead.push_back(one ? 0 : 5);
      count += one;
    }
    record.top1 = count / static_cast<double>(right.size());
    outcomes_[*record.cell] = std::move(outcomes);
    rows_.push_back(std::move(record));
  }

  Rng rng_;
  std::vector<bool> float_;
  std::vector<Record> rows_;
  std::map<std::string, metrics::Outcomes> outcomes_;
  std::map<std::string, std::vector<int64_t>> rounds_;
};

bool says(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

TEST(Worlds, EqualMethodsAreFoundToDifferInFivePercentAtMost) {
  // 200 studies of float32, five observers of PTQ and one QAT, none better than another. A study counts where any of
  // its findings of accuracy, or of latency, claims a difference.
  constexpr int kStudies = 200;
  std::map<std::string, int> false_findings;
  for (uint64_t seed = 0; seed < kStudies; ++seed) {
    Study study(seed, 1000);
    for (const char* observer : {"a", "b", "c", "d", "e"}) study.add_method("ptq", observer, false, 0.03, 0.03);
    study.add_method("qat", "a", true, 0.03, 0.03);
    for (size_t row = 0; row < study.rows(); ++row) study.time(row, 2.0);
    std::map<std::string, bool> claims;
    for (const Finding& finding : study.findings_now()) {
      if (says(finding.text, "the fastest")) continue;
      const char* kind = says(finding.text, "times as long") ? "latency" : "accuracy";
      claims[kind] |= says(finding.text, ": a loss.") || says(finding.text, ": a gain.") ||
                      says(finding.text, ": faster.") || says(finding.text, ": slower.");
    }
    ASSERT_EQ(claims.size(), 2u);
    for (const auto& [kind, claimed] : claims) false_findings[kind] += claimed;
  }
  for (const auto& [kind, count] : false_findings) EXPECT_LE(count, kStudies * 5 / 100) << kind;
}

TEST(Worlds, APointAtTenThousandImagesIsFound) {
  constexpr int kStudies = 40;
  int lost = 0, tuned = 0, faster = 0;
  for (uint64_t seed = 0; seed < kStudies; ++seed) {
    Study study(1000 + seed, 10'000);
    study.add_method("ptq", "a", false, 0.01, 0.02);  // a point is lost
    study.add_method("ptq", "b", false, 0.01, 0.02);
    study.add_method("qat", "a", true, 0.01, 0.01);  // and won back
    study.time(0, 2.0);
    study.time(1, 1.94);  // three hundredths faster
    study.time(2, 2.0);
    study.time(3, 2.0);
    for (const Finding& finding : study.findings_now()) {
      if (says(finding.text, "net / ptq a / native against net / fp32")) lost += says(finding.text, ": a loss.");
      if (says(finding.text, "best of its kind")) tuned += says(finding.text, ": a gain.");
      if (says(finding.text, "net / ptq a / native, 1 thread takes")) faster += says(finding.text, ": faster.");
    }
  }
  EXPECT_GE(lost, kStudies * 95 / 100);
  EXPECT_GE(tuned, kStudies * 95 / 100);
  EXPECT_GE(faster, kStudies * 95 / 100);
}

}  // namespace
}  // namespace quench::report
