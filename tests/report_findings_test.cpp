// Findings from outcomes whose truth is known.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "report/choices.h"
#include "report/columns.h"
#include "report/differences.h"
#include "report/findings.h"
#include "report/findings_html.h"
#include "report/report.h"

namespace quench::report {
namespace {

using record::Record;

constexpr int kImages = 1000;

/// Of kImages images the first `right` are classified rightly, but for `swapped` of them that change place with as many
/// behind.
metrics::Outcomes outcomes(int right, int swapped = 0, const std::string& truth = "t") {
  metrics::Outcomes out{truth, {}, {}};
  for (int i = 0; i < kImages; ++i) {
    const bool moved_out = i < swapped, moved_in = i >= right && i < right + swapped;
    out.ahead.push_back((i < right && !moved_out) || moved_in ? 0 : 3);
  }
  return out;
}

/// Records with their outcomes, as a study would leave them.
class Findings : public ::testing::Test {
 protected:
  Record& add(const std::string& method, int64_t seed, const metrics::Outcomes& of_images) {
    Record record;
    record.model = "net";
    record.task = "classify";
    record.data = "set";
    record.imgsz = 32;
    record.method = method;
    record.runtime = "native";
    record.device = "host";
    record.threads = 1;
    record.seed = seed;
    int right = 0;
    for (const uint8_t ahead : of_images.ahead) right += ahead == 0;
    record.top1 = static_cast<double>(right) / kImages;
    record.cell = method + "/s" + std::to_string(seed);
    record.outcomes = "outcomes/" + *record.cell;
    kept_[*record.outcomes] = of_images;
    rows_.push_back(record);
    return rows_.back();
  }
  void time(Record& record, int64_t ns) {
    record.latency_p50_ns = ns;
    record.timing_id = "together";
    record.stable = true;
  }
  OutcomesOf source() {
    return [this](const Record& record) -> std::optional<metrics::Outcomes> {
      ++asked_;
      const auto found = kept_.find(*record.outcomes);
      return found == kept_.end() ? std::nullopt : std::optional(found->second);
    };
  }
  Kept kept() {
    return {source(), [this](const Record& record) -> std::optional<std::vector<int64_t>> {
              const auto found = rounds_.find(*record.cell);
              return found == rounds_.end() ? std::nullopt : std::optional(found->second);
            }};
  }
  MethodComparison compare() { return compare_methods(rows_, Metric::top1, source()); }
  std::string text() { return findings_text(rows_, kept()); }

  std::vector<Record> rows_;
  std::map<std::string, metrics::Outcomes> kept_;
  std::map<std::string, std::vector<int64_t>> rounds_;  // by cell
  int asked_ = 0;
};

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_F(Findings, ALossThatHoldsAndOneThatDoesNotShow) {
  add("fp32", 0, outcomes(640));
  add("bad", 0, outcomes(600));        // 40 images lost, none won
  add("noise", 0, outcomes(638, 30));  // 32 lost, 30 won
  add("same", 0, outcomes(640));
  const MethodComparison comparison = compare();
  ASSERT_EQ(comparison.from_float.size(), 3u);
  const stats::Estimate& bad = comparison.from_float[0].gap;
  EXPECT_NEAR(bad.value, -0.04, 1e-12);
  // The exact interval of 40 of 1,000: 0.04 -+ 1.96 sqrt(0.04 0.96 / 1000) = 0.0279 to 0.0521.
  EXPECT_NEAR(bad.low, -0.0521, 0.002);
  EXPECT_NEAR(bad.high, -0.0279, 0.002);
  EXPECT_LT(comparison.from_float[0].p_adjusted, 0.01);
  EXPECT_GT(comparison.from_float[1].p_adjusted, 0.5);
  const std::string said = text();
  EXPECT_TRUE(holds(said, "net / bad / native against net / fp32 / native: -4.00 points (95 % interval -5.")) << said;
  EXPECT_TRUE(holds(said, ": a loss.")) << said;
  EXPECT_TRUE(holds(said, "net / noise / native against net / fp32 / native: -0.20 points")) << said;
  EXPECT_TRUE(holds(said, ": no evidence of a difference.")) << said;
  EXPECT_TRUE(holds(said, "0.00 points (95 % interval 0.00 to 0.00; 1 seed; p 1.000): the same on every image."))
      << said;
  EXPECT_TRUE(holds(said, "An interval of 1 seed holds the chance of the test images alone")) << said;
}

TEST_F(Findings, ALossIsFoundAmongManyMethods) {
  add("fp32", 0, outcomes(640));
  for (int i = 0; i < 80; ++i) add("m" + std::to_string(i), 0, outcomes(440));
  for (const Difference& difference : compare().from_float) EXPECT_LT(difference.p_adjusted, 0.001);
}

TEST_F(Findings, CriteriaAreHeldAgainstChance) {
  const auto pruned = [&](const std::string& criterion, const std::string& target, int right) {
    Record& record = add("cut", 0, outcomes(right));
    record.setting = criterion + target;
    record.cell = *record.cell + criterion + target;
    Json prune{{"criterion", criterion}, {"target_gflops", target}, {"seed", 7}};
    if (criterion == "taylor") prune["calibration_images"] = 512;
    record.config =
        Json{{"steps", Json::array({Json{{"prune", prune}}, Json{{"finetune", {{"epochs", 3}, {"seed", 0}}}}})}};
    kept_[*record.cell] = outcomes(right);
    record.outcomes = *record.cell;
  };
  add("fp32", 0, outcomes(700));
  pruned("l1", "0.5x", 640);
  pruned("random", "0.5x", 600);
  pruned("taylor", "0.5x", 600);
  pruned("l1", "0.25x", 500);  // nothing random is cut as far
  const MethodComparison comparison = compare();
  ASSERT_EQ(comparison.from_chance.size(), 2u);
  EXPECT_EQ(comparison.groups[comparison.from_chance[0].against].label, "net / cut random0.5x / native");
  EXPECT_NEAR(comparison.from_chance[0].gap.value, 0.04, 1e-12);
  EXPECT_EQ(comparison.from_chance[1].gap.value, 0);
  EXPECT_TRUE(holds(text(), "net / cut l10.5x / native against net / cut random0.5x / native: +4.00 points")) << text();
}

TEST_F(Findings, TheFastestIsOneByItsMeanOverSeeds) {
  for (const int64_t seed : {0, 1, 2}) {
    const auto timed = [&](const char* method, int right, int64_t ns) {
      Record& record = add(method, seed, outcomes(right));
      time(record, ns);
      record.timing_id = "seed" + std::to_string(seed);
    };
    timed("fp32", 640, 2000000);
    timed("fast", seed == 1 ? 660 : 600, 500000);  // within a point for one lucky seed alone
    timed("good", 635, 1000000 + 100000 * seed);
  }
  const std::string said = text();
  EXPECT_TRUE(holds(said,
                    "the fastest on host, native, 1 thread is net / good / native (mean of 3 seeds): 1.10 ms, 1.82 "
                    "times as fast as float32 (2.00 ms)."))
      << said;
  EXPECT_FALSE(holds(said, "is net / fast")) << said;
}

TEST_F(Findings, ForecastsAreAnAnswerOfTheirOwn) {
  time(add("fp32", 0, outcomes(640)), 1000000);
  time(add("ptq", 0, outcomes(638)), 500000);
  const auto forecast = [&](const char* method, int right, int64_t ns) {
    Record& record = add(method, 0, outcomes(right));
    record.device = "board";
    record.latency_source = "forecast";
    record.latency_p50_ns = ns;
    record.latency_low_ns = ns / 2;
    record.latency_high_ns = ns * 2;
  };
  forecast("fp32", 640, 9000000);
  forecast("ptq", 635, 4000000);
  forecast("cut", 600, 2000000);
  const std::string said = text();
  EXPECT_TRUE(holds(said,
                    "the fastest on board by the forecast is net / ptq / native on board, 1 thread: 4.00 ms (90 % "
                    "interval 2.00 to 8.00). Nothing was measured there."))
      << said;
  EXPECT_TRUE(holds(said, "the fastest on host, native, 1 thread is net / ptq / native (seed 0): 0.500 ms")) << said;
}

TEST_F(Findings, ALuckySeedIsNoForecastsAnswer) {
  for (int64_t seed = 0; seed < 3; ++seed) {
    const auto forecast = [&](const char* method, int right, int64_t ns) {
      Record& record = add(method, seed, outcomes(right));
      record.device = "board";
      record.latency_source = "forecast";
      record.latency_p50_ns = ns;
    };
    forecast("fp32", 640, 9000000);
    forecast("lucky", seed == 0 ? 641 : 600, 2000000);
    forecast("steady", 636, 4000000 + 1000000 * seed);
  }
  const std::string said = text();
  EXPECT_TRUE(holds(said, "by the forecast is net / steady / native on board, 1 thread (mean of 3 seeds): 5.00 ms."))
      << said;
}

TEST_F(Findings, SeedsAreOneRowAndPaired) {
  for (const int64_t seed : {2, 0, 1}) {
    const int shift = static_cast<int>(seed) * 10;
    add("fp32", seed, outcomes(640 + shift));
    Record& record = add("ptq", seed, outcomes(635 + shift));
    record.threads = 2;
  }
  Record twice = rows_.back();  // the same cell with another number of threads
  twice.threads = 1;
  rows_.push_back(twice);
  const MethodComparison comparison = compare();
  ASSERT_EQ(comparison.groups.size(), 2u);
  ASSERT_EQ(comparison.groups[1].rows.size(), 3u);
  EXPECT_EQ(rows_[comparison.groups[1].rows[0]].seed, 0);
  ASSERT_TRUE(comparison.means[0].has_value());
  EXPECT_EQ(comparison.means[0]->seeds, 3);
  EXPECT_NEAR(comparison.means[0]->value, 0.65, 1e-12);
  EXPECT_NEAR(*comparison.means[0]->deviation, 0.01, 1e-12);  // of 0.64, 0.65, 0.66
  ASSERT_EQ(comparison.from_float.size(), 1u);
  EXPECT_NEAR(comparison.from_float[0].gap.value, -0.005, 1e-12);
  EXPECT_NEAR(*comparison.from_float[0].gap.deviation, 0, 1e-12);  // the same gap in each seed
  const std::vector<MethodLine> lines = method_lines(comparison);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1].seeds, "3");
  EXPECT_EQ(lines[1].mean, "64.50");
  EXPECT_EQ(lines[1].gap, "-0.50");
  EXPECT_EQ(lines[0].gap, "");
}

TEST_F(Findings, OtherImagesAreNotCompared) {
  add("fp32", 0, outcomes(640, 0, "these"));
  add("ptq", 0, outcomes(600, 0, "others"));
  const MethodComparison comparison = compare();
  EXPECT_TRUE(comparison.from_float.empty());
  EXPECT_TRUE(comparison.means[1].has_value());
}

TEST_F(Findings, APartOfTheImagesIsNotComparedWithAll) {
  add("fp32", 0, outcomes(640));
  metrics::Outcomes half = outcomes(600);
  half.ahead.resize(half.ahead.size() / 2);
  add("ptq", 0, half);
  EXPECT_TRUE(compare().from_float.empty());
}

TEST_F(Findings, RowsWithoutOutcomesSayNothing) {
  add("fp32", 0, outcomes(640));
  add("ptq", 0, outcomes(600)).outcomes.reset();
  add("lost", 0, outcomes(600)).outcomes = "outcomes/gone";
  asked_ = 0;
  const MethodComparison comparison = compare();
  EXPECT_EQ(asked_, 2) << "one of fp32, one of the lost file";
  EXPECT_TRUE(comparison.from_float.empty());
  EXPECT_FALSE(comparison.means[1].has_value());
  EXPECT_FALSE(comparison.means[2].has_value());
  EXPECT_EQ(text(), "");
}

TEST_F(Findings, TheFastestWithinAPoint) {
  time(add("fp32", 0, outcomes(640)), 4'000'000);
  time(add("slow", 0, outcomes(639)), 2'000'000);
  time(add("fast", 0, outcomes(631)), 1'000'000);  // 0.9 points
  time(add("wild", 0, outcomes(600)), 500'000);    // 4 points
  const std::string said = text();
  EXPECT_TRUE(holds(said,
                    "At a loss of one point at most, the fastest on host, native, 1 thread is net / fast / native "
                    "(seed 0): 1.00 ms, 4.00 times as fast as float32 (4.00 ms)."))
      << said;
}

TEST_F(Findings, WhereEveryMethodLosesMore) {
  time(add("fp32", 0, outcomes(640)), 4'000'000);
  time(add("wild", 0, outcomes(600)), 500'000);
  EXPECT_TRUE(holds(text(), "Every method on host, native, 1 thread loses more than one point."));
  add("fp32", 0, outcomes(700));
  rows_.back().model = "other net";
  EXPECT_TRUE(holds(text(), "Every method of net on host, native, 1 thread loses more than one point.")) << text();
}

TEST_F(Findings, QatAgainstTheBestPtqOfTheSameWidths) {
  const auto steps = [](Record& record, const char* json, int64_t bits) {
    record.config = Json{{"steps", Json::parse(json)}};
    record.bits_w = record.bits_a = bits;
  };
  add("fp32", 0, outcomes(640));
  steps(add("ptq a", 0, outcomes(620)), R"([{"train":{}},{"quantize":{}}])", 8);
  steps(add("ptq b", 0, outcomes(630)), R"([{"train":{}},{"quantize":{}},{"adaround":{}}])", 8);
  steps(add("ptq 4", 0, outcomes(635)), R"([{"train":{}},{"quantize":{}}])", 4);
  steps(add("qat", 0, outcomes(638)), R"([{"train":{}},{"quantize":{}},{"finetune":{}}])", 8);
  const MethodComparison comparison = compare();
  ASSERT_EQ(comparison.tuned.size(), 1u);
  EXPECT_EQ(comparison.groups[comparison.tuned[0].group].label, "net / qat / native");
  EXPECT_EQ(comparison.groups[comparison.tuned[0].against].label, "net / ptq b / native");
  EXPECT_NEAR(comparison.tuned[0].gap.value, 6.0 / 800, 1e-12);  // of 630 .. 637, six do not choose
  EXPECT_TRUE(comparison.tuned[0].chosen);
  EXPECT_TRUE(
      holds(text(), "Each is the best of its kind, chosen on every fifth test image and compared on the others."));
}

/// n rounds around ns, in which the machine is once slow; wobble: in permille, of every other round.
std::vector<int64_t> rounds_of(int n, int64_t ns, int64_t wobble) {
  std::vector<int64_t> rounds;
  for (int i = 0; i < n; ++i) {
    const int64_t slow = i >= n / 2 ? 3 : 1;
    rounds.push_back(slow * (ns + (i % 2 == 0 ? wobble : -wobble) * ns / 1000));
  }
  return rounds;
}

TEST_F(Findings, LatenciesArePairedByRound) {
  time(add("fp32", 0, outcomes(640)), 2'000'000);
  time(add("ptq", 0, outcomes(640)), 720'000);
  time(add("same", 0, outcomes(640)), 2'000'000);
  rounds_["fp32/s0"] = rounds_of(12, 2'000'000, 0);
  rounds_["ptq/s0"] = rounds_of(12, 720'000, 10);
  rounds_["same/s0"] = rounds_of(12, 2'000'000, 10);
  const std::vector<LatencyRatio> ratios = latency_ratios(rows_, Metric::top1, kept().rounds);
  ASSERT_EQ(ratios.size(), 2u);
  EXPECT_TRUE(ratios[0].paired);
  EXPECT_NEAR(ratios[0].ratio.value, 0.36, 1e-9);
  EXPECT_NEAR(ratios[0].ratio.low, 0.36 * 0.99, 1e-9);  // the third of twelve
  EXPECT_NEAR(ratios[0].ratio.high, 0.36 * 1.01, 1e-9);
  EXPECT_NEAR(ratios[0].p_adjusted, 2 * 2 / 4096.0, 1e-12) << "Holm: the least of two, twice";
  const std::string said = text();
  EXPECT_TRUE(holds(said,
                    "net / ptq / native, 1 thread takes 0.360 times as long as float32 (95 % interval 0.356 to 0.364, "
                    "paired over 12 rounds of 1 timing; p below 0.001): faster."))
      << said;
  EXPECT_TRUE(holds(said,
                    "net / same / native, 1 thread takes 1.000 times as long as float32 (95 % interval 0.990 to 1.010, "
                    "paired over 12 rounds of 1 timing; p 1.000): no evidence of a difference."))
      << said;
  EXPECT_TRUE(holds(said, "An interval of 1 timing holds what differs from round to round"));
  EXPECT_FALSE(holds(said, "no rounds were kept"));
  PageOptions options;
  options.kept = kept();
  EXPECT_TRUE(holds(html(rows_, options), "<td>0.356 to 0.364</td>"));
}

TEST_F(Findings, LatenciesWithoutRoundsSaySo) {
  time(add("fp32", 0, outcomes(640)), 2'000'000);
  time(add("ptq", 0, outcomes(640)), 500'000);
  time(add("cut", 0, outcomes(640)), 1'000'000);
  rounds_["fp32/s0"] = rounds_of(12, 2'000'000, 0);
  rounds_["ptq/s0"] = rounds_of(11, 500'000, 0);  // of another timing
  const std::vector<LatencyRatio> ratios = latency_ratios(rows_, Metric::top1, kept().rounds);
  ASSERT_EQ(ratios.size(), 2u);
  EXPECT_FALSE(ratios[0].paired);
  EXPECT_FALSE(ratios[1].paired);
  EXPECT_EQ(ratios[0].ratio.value, 0.25);
  EXPECT_EQ(ratio_lines(rows_, ratios)[0].interval, "");
  const std::string said = text();
  EXPECT_FALSE(holds(said, "times as long")) << said;
  EXPECT_TRUE(holds(said, "Of 2 methods no rounds were kept")) << said;
}

TEST_F(Findings, RowsOfOtherTimingsAreNotPaired) {
  time(add("fp32", 0, outcomes(640)), 2'000'000);
  time(add("ptq", 0, outcomes(640)), 500'000);
  rows_.back().timing_id = "later";
  rounds_["fp32/s0"] = rounds_["ptq/s0"] = rounds_of(12, 2'000'000, 0);
  EXPECT_TRUE(latency_ratios(rows_, Metric::top1, kept().rounds).empty());
}

TEST_F(Findings, TimingsOfSeveralSeedsAreOneRatio) {
  for (const int64_t seed : {0, 1, 2}) {
    const auto timed = [&](const char* method, int64_t ns) {
      Record& record = add(method, seed, outcomes(640));
      time(record, ns);
      record.timing_id = "seed" + std::to_string(seed);
      rounds_[*record.cell] = rounds_of(12, ns, 0);
    };
    timed("fp32", 2'000'000);
    timed("ptq", 1'000'000 + 10'000 * (seed - 1));
  }
  const std::vector<LatencyRatio> ratios = latency_ratios(rows_, Metric::top1, kept().rounds);
  ASSERT_EQ(ratios.size(), 1u);
  EXPECT_EQ(ratios[0].rounds, 36);
  EXPECT_EQ(ratios[0].ratio.seeds, 3);
  EXPECT_NEAR(ratios[0].ratio.value, 0.5, 1e-4);
  EXPECT_NEAR(ratios[0].ratio.high - ratios[0].ratio.low, 2 * 4.303 * 0.005 / std::sqrt(3.0), 1e-4);
  EXPECT_TRUE(holds(text(), "paired over 36 rounds of 3 timings; p ")) << text();
  EXPECT_TRUE(holds(text(), "An interval of several timings is Student's t over their medians."));
}

TEST_F(Findings, TellWhichImagesChose) {
  const auto with_steps = [&](const char* method, const char* steps) -> Record& {
    Record& record = add(method, 0, outcomes(640));
    record.config = Json{{"steps", Json::parse(steps)}};
    return record;
  };
  EXPECT_TRUE(choice_notes(rows_).empty());
  add("fp32", 0, outcomes(640));
  EXPECT_TRUE(choice_notes(rows_).empty()) << "a record that does not tell";
  with_steps("last", R"([{"train":{"epochs":3,"keep":"last"}}])");
  with_steps("given", R"([{"train":{"epochs":0,"keep":"last"}}])");
  with_steps("best", R"([{"train":{"epochs":3,"keep":"best"}},{"quantize":{"observer":"mse"}}])").chosen_on =
      "validation";
  with_steps("made", R"([{"train":{"epochs":3}},{"quantize":{"pictures":"fractal"}},{"prune":{"criterion":"l1"}}])");
  with_steps("cut", R"([{"prune":{"criterion":"taylor"}},{"assign_bits":{"images":5}},{"prune":7},3])");
  const std::vector<std::string> notes = choice_notes(rows_);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].substr(0, notes[0].find(". No test image")),
            "What was chosen, and on which images: the epoch on validation images, held out of training (1 row); no "
            "epoch, the last one counts (2 rows); bits of layers, channels, ranges on training images (2 rows)");
  EXPECT_TRUE(holds(text(), "No test image chose anything in a row;"));
}

TEST_F(Findings, TheBestOfAKindIsNotComparedOnTheImagesThatChoseIt) {
  // One setting of PTQ is right on the images that choose alone, another on half of the others alone.
  const auto right_where = [&](bool choosing, int every) {
    metrics::Outcomes out{"t", {}, {}};
    for (int i = 0; i < kImages; ++i) out.ahead.push_back((i % 5 == 0) == choosing && i % every != 1 ? 0 : 3);
    return out;
  };
  const auto quantized = [&](const char* setting, bool tuned, const metrics::Outcomes& of_images) {
    Record& record = add(tuned ? "qat" : "ptq", 0, of_images);
    record.setting = setting;
    record.cell = *record.cell + setting;
    record.outcomes = *record.cell;
    kept_[*record.cell] = of_images;
    record.bits_w = record.bits_a = 8;
    record.config =
        Json{{"steps", Json::parse(tuned ? R"([{"quantize":{}},{"finetune":{}}])" : R"([{"quantize":{}}])")}};
  };
  add("fp32", 0, outcomes(640));
  quantized("lucky", false, right_where(true, 7777));
  quantized("good", false, right_where(false, 2));
  quantized("qat", true, outcomes(500));
  const MethodComparison comparison = compare();
  ASSERT_EQ(comparison.tuned.size(), 1u);
  EXPECT_EQ(comparison.groups[comparison.tuned[0].against].label, "net / ptq lucky / native");
  EXPECT_NEAR(comparison.tuned[0].gap.value, 0.5, 1e-12);  // 400 of the other 800, less none of them
}

TEST_F(Findings, APageLinksToTheRows) {
  add("fp32", 0, outcomes(640));
  add("<b>&", 0, outcomes(600));
  PageOptions options;
  options.kept.outcomes = source();
  const std::string page = html(rows_, options);
  EXPECT_TRUE(holds(page, "<h3>Findings</h3>"));
  EXPECT_TRUE(holds(page, "<a href=\"#s1-row2\">2</a>"));
  EXPECT_TRUE(holds(page, "<tr id=\"s1-row2\">"));
  EXPECT_TRUE(holds(page, "net / &lt;b&gt;&amp; / native"));
  EXPECT_FALSE(holds(html(rows_, {}), "<h3>Findings</h3>")) << "without outcomes there are none";
}

}  // namespace
}  // namespace quench::report
