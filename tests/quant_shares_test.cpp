// A calibration by several processes, each on its share of the images: to the bit what one process gives.
#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>

#include "config/tables.h"
#include "core/rng.h"
#include "error_testing.h"
#include "nn/intra_op_threads.h"
#include "quant/calibrate.h"
#include "quant/channel_squares.h"
#include "quant/histogram.h"
#include "quant/placement_settings.h"
#include "quant/quantize.h"
#include "quant_testing.h"
#include "shards_testing.h"

namespace quench::quant {
namespace {

/// Batches of values, of scales that differ a lot; some are empty.
std::vector<std::vector<float>> batches(uint64_t seed) {
  Rng rng(seed, "shares");
  std::vector<std::vector<float>> out(static_cast<size_t>(1 + rng.below(20)));
  for (auto& batch : out) {
    const double scale = std::exp(6 * rng.normal());
    batch.resize(static_cast<size_t>(rng.below(3) == 0 ? 0 : 1 + rng.below(2000)));
    for (float& value : batch) value = static_cast<float>(scale * rng.normal());
    if (!batch.empty() && rng.below(2) == 0) batch[0] = rng.below(2) == 0 ? -0.0F : 0.0F;
  }
  out.back().push_back(1.5F);
  return out;
}

/// Cuts of a list into `parts`, some of them empty.
std::vector<size_t> cuts(size_t size, int parts, Rng& rng) {
  std::vector<size_t> out{0, size};
  for (int i = 1; i < parts; ++i) out.push_back(static_cast<size_t>(rng.below(size + 1)));
  std::ranges::sort(out);
  return out;
}

std::string bytes_of(const Observer& observer) {
  ByteWriter out("observer");
  observer.write(out);
  return out.take();
}

TEST(Shares, ObserversOfSharesAreOneObserver) {
  for (const std::string& name : observer_names()) {
    for (uint64_t seed = 0; seed < 10; ++seed) {
      Rng rng(seed, "cuts");
      const auto all = batches(seed);
      const auto observe = [&](size_t first, size_t last) {
        auto observer = make_observer(name, 99.9);
        for (size_t i = first; i < last; ++i) {
          observer->observe(all[i]);
          observer->end_batch();
        }
        return observer;
      };
      const auto whole = observe(0, all.size());
      for (const int parts : {1, 2, 3, 7}) {
        const std::vector<size_t> at = cuts(all.size(), parts, rng);
        const auto merged = make_observer(name, 99.9);
        for (size_t i = 0; i + 1 < at.size(); ++i) {
          const std::string bytes = bytes_of(*observe(at[i], at[i + 1]));
          ByteReader in(bytes, "observer");
          merged->add(in);
          EXPECT_TRUE(in.at_end()) << name;
        }
        EXPECT_EQ(bytes_of(*merged), bytes_of(*whole)) << name << " " << seed << " " << parts;
        for (const bool symmetric : {false, true}) {
          EXPECT_EQ(merged->range(8, symmetric), whole->range(8, symmetric)) << name;
        }
      }
    }
  }
}

TEST(Shares, CutBytesOfAnObserverAreAnError) {
  for (const std::string& name : observer_names()) {
    const auto observer = make_observer(name, 99.9);
    observer->observe(std::vector<float>{1, -2, 3.5F});
    observer->end_batch();
    const std::string bytes = bytes_of(*observer);
    for (size_t size = 9; size < bytes.size(); ++size) {
      const std::string cut = bytes.substr(0, size);
      EXPECT_EQ(error_of([&] {
                  ByteReader in(cut, "observer");
                  make_observer(name, 99.9)->add(in);
                }).first,
                ErrorKind::data)
          << name << " " << size;
    }
  }
}

TEST(Shares, SquaresOfChannelsAreSums) {
  const torch::NoGradGuard no_gradient;
  for (const bool channels_last : {false, true}) {
    ChannelSquares squares, more, merged;
    torch::Tensor all = torch::zeros({5}, torch::kDouble);
    for (int batch = 0; batch < 4; ++batch) {
      torch::Tensor value = torch::randn({3, 5, 7, 9});
      if (channels_last) value = value.contiguous(at::MemoryFormat::ChannelsLast);
      (batch < 2 ? squares : more).add(value);
      all += value.to(torch::kDouble).square().sum({0, 2, 3}) / (4 * 3 * 7 * 9);
    }
    for (const ChannelSquares* part : {&squares, &more}) {
      ByteWriter out("squares");
      part->write(out);
      ByteReader in(out.bytes(), "squares");
      merged.add(in);
    }
    ASSERT_EQ(merged.means().size(), 5u);
    for (int64_t c = 0; c < 5; ++c) {
      EXPECT_NEAR(merged.means()[static_cast<size_t>(c)], all[c].item<double>(), 1e-12);
    }
  }
  ChannelSquares rows;
  rows.add(torch::tensor({{1.0F, 2.0F}, {3.0F, 4.0F}}));
  EXPECT_EQ(rows.means(), (std::vector<double>{5, 10}));
}

/// Noise of which some images cannot be read.
class Damaged : public data::Dataset {
 public:
  Damaged(std::shared_ptr<const data::Dataset> base, std::vector<int64_t> damaged)
      : base_(std::move(base)), damaged_(std::move(damaged)) {}
  int64_t size() const override { return base_->size(); }
  const std::vector<std::string>& classes() const override { return base_->classes(); }
  int32_t label(int64_t index) const override { return base_->label(index); }
  data::Sample at(int64_t index) const override {
    if (damaged_.empty() || std::ranges::count(damaged_, index) > 0 || damaged_.front() < 0) {
      throw Error(ErrorKind::data, fmt::format("damaged: {}", index));
    }
    return base_->at(index);
  }
  std::string digest() const override { return base_->digest(); }

 private:
  std::shared_ptr<const data::Dataset> base_;
  std::vector<int64_t> damaged_;  ///< {-1}: all
};

Json settings(std::initializer_list<std::pair<const char*, Json>> changes = {}) {
  Json out = config::quantize_options().defaults();
  out["calibration_images"] = 330;
  for (const auto& [key, value] : changes) out[key] = value;
  return out;
}

void expect_equal(const Prepared& a, const Prepared& b, const std::string& what) {
  EXPECT_TRUE(a.graph == b.graph) << what;
  EXPECT_EQ(a.mean_squares, b.mean_squares) << what;
  EXPECT_EQ(a.calibration_sha256, b.calibration_sha256) << what;
}

std::vector<Prepared> shared(const data::Splits& data, const Json& given, int processes) {
  return ActedShards(processes).run<Prepared>(
      [&](const Shards& shards) { return prepare(branched_graph(), data, given, {}, CancelToken{}, &shards); });
}

TEST(Shares, CalibrationIsThatOfOneProcess) {
  data::Splits some = noise_splits(400);
  some.train = std::make_shared<Damaged>(some.train, std::vector<int64_t>{0, 3, 70, 71, 90});
  for (const std::string& observer : observer_names()) {
    for (const data::Splits& data : {noise_splits(400), some}) {
      const Json given = settings({{"observer", observer}, {"weight_scales", "output_mse"}});
      const Prepared whole = prepare(branched_graph(), data, given, {}, CancelToken{});
      for (const int processes : {2, 3, 7}) {
        for (const Prepared& one : shared(data, given, processes)) {
          expect_equal(one, whole, fmt::format("{}, {} processes", observer, processes));
        }
      }
    }
  }
}

TEST(Shares, CalibrationDoesNotDependOnThreads) {
  const auto with = [](int threads) {
    const nn::IntraOpThreads set(threads);
    return prepare(branched_graph(), noise_splits(400), settings({{"weight_scales", "output_mse"}}), {}, CancelToken{});
  };
  const Prepared one = with(1);
  for (const int threads : {2, 3, 4}) expect_equal(with(threads), one, fmt::format("{} threads", threads));
}

TEST(Shares, WhereNoneCanBeReadAllSayWhatOneSays) {
  data::Splits none = noise_splits(400);
  none.train = std::make_shared<Damaged>(none.train, std::vector<int64_t>{-1});
  const auto expected = error_of([&] { prepare(branched_graph(), none, settings(), {}, CancelToken{}); });
  EXPECT_EQ(expected.first, ErrorKind::data);
  EXPECT_EQ(error_of([&] { shared(none, settings(), 3); }), expected);
}

TEST(Shares, AnErrorInOneIsOneErrorInAll) {
  graph::Graph model = branched_graph();
  for (auto& [name, weight] : model.weights) {
    for (float& value : weight.value.mutable_values<float>()) value *= 1e9F;
  }
  const auto said = error_of([&] { prepare(model, noise_splits(400), settings(), {}, CancelToken{}); });
  const auto shared_said = error_of([&] {
    ActedShards(2).run<int>([&](const Shards& shards) {
      prepare(model, noise_splits(400), settings(), {}, CancelToken{}, &shards);
      return 0;
    });
  });
  EXPECT_EQ(shared_said, said);
  EXPECT_NE(said.second.find("(edge "), std::string::npos) << said.second;
}

}  // namespace
}  // namespace quench::quant
