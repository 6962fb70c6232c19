#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>

#include "config/tables.h"
#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/rng.h"
#include "nn/intra_op_threads.h"
#include "train/loop/checkpoint.h"
#include "train/loop/fit_settings.h"
#include "train/optimizers/schedule.h"
#include "train_samples.h"

namespace quench::train {
namespace {

Checkpoint sample() {
  Checkpoint c;
  c.identity = {{"lr", 0.1}, {"epochs", 3}, {"optimizer", "sgd"}};
  c.graph_sha256 = sha256_hex("graph");
  c.data_sha256 = sha256_hex("data");
  c.epoch = 2;
  c.batch = 5;
  c.steps = 41;
  c.ema_steps = 40;
  c.loss_sum = 1.0 / 3;
  c.epoch_images = 640;
  c.seconds = 12.25;
  c.best_score = 0.625;
  c.rows = {{1, 0.1, 2.5, {}, 900.5, 3.25}, {2, 0.05, 2.25, {{"top1", 0.5}, {"top5", 0.75}}, 901, 6.5}};
  c.tensors["parameter/a"] = Tensor::from(std::vector<float>{1.5f, -2.0f, 1e-30f, 4}, {2, 2});
  c.tensors["buffer/n"] = Tensor::from(std::vector<int64_t>{7}, {});
  return c;
}

TEST(Checkpoint, ReadsWhatItWrote) {
  const Checkpoint c = sample();
  const Checkpoint back = parse_checkpoint(serialize(c), "test");
  EXPECT_EQ(back.identity, c.identity);
  EXPECT_EQ(back.rows, c.rows);
  EXPECT_EQ(back.tensors, c.tensors);
  EXPECT_EQ(back.loss_sum, c.loss_sum);
  EXPECT_EQ(serialize(back), serialize(c));
}

TEST(Checkpoint, RefusesTruncatedAlteredAndForeignBytes) {
  const std::string bytes = serialize(sample());
  const auto expect_data_error = [](const std::string& broken, const std::string& what) {
    try {
      parse_checkpoint(broken, "some.qckpt");
      ADD_FAILURE() << what;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data) << what;
      EXPECT_NE(std::string(error.what()).find("some.qckpt"), std::string::npos) << error.what();
    }
  };
  for (size_t size = 0; size < bytes.size(); ++size) expect_data_error(bytes.substr(0, size), fmt::format("{}", size));
  Rng rng(1, "fuzz");
  for (int i = 0; i < 500; ++i) {
    std::string broken = bytes;
    broken[rng.below(broken.size())] ^= static_cast<char>(1 + rng.below(255));
    expect_data_error(broken, fmt::format("flip {}", i));
  }
  expect_data_error(bytes + "x", "longer");
  expect_data_error("PK\x03\x04 not a checkpoint", "foreign");
}

/// A file whose digest is right and whose header lies.
TEST(Checkpoint, RefusesLyingHeaders) {
  const std::string bytes = serialize(sample());
  Rng rng(2, "fuzz");
  int refused = 0;
  for (int i = 0; i < 300; ++i) {
    std::string body = bytes.substr(0, bytes.size() - 64);
    body[8 + rng.below(body.size() - 8)] ^= static_cast<char>(1 + rng.below(255));
    try {
      parse_checkpoint(body + sha256_hex(body), "test");
    } catch (const Error& error) {
      ++refused;
      EXPECT_NE(error.kind(), ErrorKind::internal) << error.what();
    }
  }
  EXPECT_GT(refused, 100);
}

TEST(Checkpoint, NamesTheSettingThatDiffers) {
  const Checkpoint saved = sample();
  Checkpoint wanted = sample();
  EXPECT_EQ(difference(saved, wanted), "");
  wanted.identity["lr"] = 0.2;
  EXPECT_EQ(difference(saved, wanted), "`lr` was 0.1 there, is 0.2 here");
  wanted = sample();
  wanted.data_sha256 = "other";
  EXPECT_TRUE(difference(saved, wanted).starts_with("data was ")) << difference(saved, wanted);
  wanted = sample();
  wanted.graph_sha256 = "other";
  EXPECT_TRUE(difference(saved, wanted).starts_with("the starting graph was ")) << difference(saved, wanted);
}

/// A write that fails halfway (here: a limit on file size in a child process) leaves the earlier checkpoint.
TEST(Checkpoint, SurvivesAFullDisk) {
  const samples::Folder folder;
  const auto path = folder.path() / "checkpoint.qckpt";
  save_checkpoint(path, sample());
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    setrlimit(RLIMIT_FSIZE, &limit);
    Checkpoint bigger = sample();
    bigger.epoch = 3;
    bigger.tensors["parameter/b"] = Tensor(DType::f32, {100000});
    try {
      save_checkpoint(path, bigger);
    } catch (const Error& error) {
      _exit(error.kind() == ErrorKind::io ? 0 : 2);
    }
    _exit(1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(load_checkpoint(path).epoch, 2);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(GraphDigest, SeesEveryPart) {
  const graph::Graph graph = graph::samples::every_op();
  const std::string digest = graph_digest(graph);
  EXPECT_EQ(digest, graph_digest(graph));
  graph::Graph other = graph;
  other.weights.begin()->second.value.mutable_values<float>()[0] += 1e-3f;
  EXPECT_NE(graph_digest(other), digest);
  other = graph;
  std::get<graph::ConvAttributes>(other.nodes.at(0).attributes).stride[1] += 1;
  EXPECT_NE(graph_digest(other), digest);
  other = graph;
  other.edges.at(1).quant = graph::QuantParams{};
  EXPECT_NE(graph_digest(other), digest);
  other = graph;
  other.metadata["time"] = "now";
  EXPECT_EQ(graph_digest(other), digest);
}

TEST(ResultsCsv, HasALineARowAndRoundTrips) {
  const std::vector<EpochRow> rows = sample().rows;
  EXPECT_EQ(results_csv(rows),
            "epoch,lr,train_loss,top1,top5,images_per_second,seconds\n"
            "1,0.1,2.500000,,,900.5,3.2\n"
            "2,0.05,2.250000,0.5000,0.7500,901.0,6.5\n");
  EXPECT_EQ(rows_from_json(rows_to_json(rows)), rows);
  const std::vector<EpochRow> parts{{1, 0.1, 2.5, {}, 900.5, 3.2, {{"box_loss", 1.5}, {"cls_loss", 1}}}};
  EXPECT_EQ(results_csv(parts),
            "epoch,lr,train_loss,box_loss,cls_loss,images_per_second,seconds\n"
            "1,0.1,2.500000,1.500000,1.000000,900.5,3.2\n");
  EXPECT_EQ(rows_from_json(rows_to_json(parts)), parts);
  EXPECT_EQ(rows_from_json(parse_json("[[1, 0.1, 2.5, [], 900.5, 3.2]]", "of an earlier version")).at(0).seconds, 3.2);
  EXPECT_THROW(rows_from_json(Json::array({Json::array({1, 2})})), Error);
}

TEST(Schedule, WarmsUpLinearlyThenDecays) {
  const Schedule cosine{"cosine", 0.4, 0.1, 4, 104};
  EXPECT_DOUBLE_EQ(cosine.at(0), 0.1);
  EXPECT_DOUBLE_EQ(cosine.at(3), 0.4);
  EXPECT_DOUBLE_EQ(cosine.at(4), 0.4);
  EXPECT_NEAR(cosine.at(54), 0.4 * (0.1 + 0.9 * 0.5), 1e-12);
  EXPECT_NEAR(cosine.at(29), 0.4 * (0.1 + 0.9 * (1 + std::sqrt(0.5)) / 2), 1e-12);
  EXPECT_NEAR(cosine.at(104), 0.04, 1e-12);
  for (int64_t t = 4; t < 104; ++t) EXPECT_GE(cosine.at(t), cosine.at(t + 1));
  const Schedule linear{"linear", 0.4, 0.5, 0, 100};
  EXPECT_DOUBLE_EQ(linear.at(0), 0.4);
  EXPECT_DOUBLE_EQ(linear.at(50), 0.3);
  EXPECT_DOUBLE_EQ(linear.at(100), 0.2);
  const Schedule constant{"constant", 0.4, 0, 2, 100};
  EXPECT_DOUBLE_EQ(constant.at(0), 0.2);
  EXPECT_DOUBLE_EQ(constant.at(99), 0.4);
  EXPECT_THROW((Schedule{"step", 0.1, 0, 0, 10}.at(0)), Error);
}

TEST(FitSettings, TakesTheThreadsOfItsProcess) {
  const graph::Graph graph = samples::tiny_classifier(24, 10);
  for (int share : {1, 3}) {  // as a worker of a study has its part of the processors
    const nn::IntraOpThreads threads(share);
    EXPECT_EQ(parse_settings(Json::object(), graph).threads, share);
    EXPECT_EQ(parse_settings({{"threads", 2}}, graph).threads, 2) << "what was asked for";
  }
}

TEST(FitSettings, ChecksAndResolves) {
  const graph::Graph graph = samples::tiny_classifier(24, 10);
  const FitSettings settings = parse_settings({{"lr", 0.5}, {"observer", "mse"}, {"threads", 3}}, graph);
  EXPECT_EQ(settings.lr, 0.5);
  EXPECT_EQ(settings.imgsz, 24);
  EXPECT_EQ(settings.momentum, 0.9);
  EXPECT_EQ(settings.threads, 3);
  EXPECT_FALSE(settings.identity.contains("threads"));
  EXPECT_FALSE(settings.identity.contains("observer"));
  const auto expect_config_error = [&](const Json& config, const std::string& part) {
    try {
      parse_settings(config, graph);
      ADD_FAILURE() << config.dump();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::config);
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  expect_config_error({{"lr", -1}}, "lr");
  expect_config_error({{"amp", true}}, "amp");
  expect_config_error({{"imgsz", 32}}, "imgsz");
  expect_config_error({{"optimizer", "sdg"}}, "optimizer");
  graph::Graph detector = graph;
  detector.metadata["task"] = "detect";
  EXPECT_EQ(parse_settings(Json::object(), detector).momentum, 0.937) << "detectors have defaults of their own";
}

/// Another value than its default that an option takes.
Json other_value(const config::Option& option) {
  if (option.type == config::OptionType::boolean) return !option.default_value.get<bool>();
  if (option.type == config::OptionType::text) {
    const auto other = std::ranges::find_if(option.choices, [&](const auto& c) { return c != option.default_value; });
    return other == option.choices.end() ? Json("cuda:7") : Json(*other);
  }
  const double value = option.default_value.get<double>();
  const double other = value > *option.min ? (value + *option.min) / 2 : *option.max / 2;
  if (option.type == config::OptionType::number) return other;
  return static_cast<int64_t>(other);
}

TEST(FitSettings, EverySettingOfTheTableIsRead) {
  const graph::Graph graph = samples::tiny_classifier(24, 10);
  const auto machine = config::train_settings(config::TrainScope::machine);
  for (const config::Option& option : config::train_options().options()) {
    if (option.name == "amp" || option.name == "val_share") continue;  // they hang on others
    const Json value = other_value(option);
    ASSERT_NE(value, option.default_value) << option.name;
    const FitSettings settings = parse_settings({{option.name, value}}, graph);
    Json typed;
#define QUENCH_TRAIN_SETTING(type, name, ...) typed[#name] = settings.name;
#include "config/train_settings.inc"
    EXPECT_EQ(typed[option.name], value) << option.name;
    const bool decides = std::ranges::count(machine, option.name) == 0;
    EXPECT_EQ(settings.identity != parse_settings(Json::object(), graph).identity, decides) << option.name;
  }
}

}  // namespace
}  // namespace quench::train
