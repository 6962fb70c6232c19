// Large data sets through the program: packed, verified, trained on, timed.
#include "cli_testing.h"

namespace quench {
namespace {

class CliDataSize : public Cli {
 protected:
  void SetUp() override {
    Cli::SetUp();
    for (const char* name : {"train/a/1", "train/a/2", "train/b/1", "train/b/2", "test/a/1", "test/b/1"}) {
      ASSERT_EQ(quench(fmt::format("data show shapes --count {} -o set/{}.png", name[6] == 'a' ? 1 : 2, name)).code, 0);
    }
  }
};

TEST_F(CliDataSize, WhatIsTrainedOnShardsIsWhatIsTrainedOnFiles) {
  const Outcome packed = quench("data shard set --shard-mb 1 -o packed");
  ASSERT_EQ(packed.code, 0) << packed.err;
  EXPECT_NE(packed.err.find("6 pictures in 2 shards"), std::string::npos) << packed.err;
  const std::string train = "train --model yolov5n-cls --imgsz 32 --epochs 1 --batch 2 --threads 1 --data ";
  ASSERT_EQ(quench(train + "set -o files.onnx").code, 0);
  ASSERT_EQ(quench(train + "packed -o shards.onnx").code, 0);
  EXPECT_EQ(read_file(folder_ / "files.onnx"), read_file(folder_ / "shards.onnx"));
  const Outcome by_shards = quench(train + "packed:shuffle=shards,window=1 -o ordered.onnx");
  EXPECT_EQ(by_shards.code, 0) << by_shards.err;
  expect_error(train + "packed:shuffle=some -o x.onnx", 2, {"shuffle=shards", "'shuffle=some'"});
}

TEST_F(CliDataSize, DamageIsFound) {
  ASSERT_EQ(quench("data shard set -o packed").code, 0);
  const Outcome whole = quench("data verify packed");
  EXPECT_EQ(whole.code, 0) << whole.err;
  EXPECT_NE(whole.out.find("as they were written"), std::string::npos) << whole.out;
  const fs::path shard = folder_ / "packed/train-00000.shard";
  std::string bytes = read_file(shard);
  bytes[100] = static_cast<char>(bytes[100] ^ 1);
  write_file(shard, bytes);
  const Outcome damaged = quench("data verify packed --format json");
  EXPECT_EQ(damaged.code, 1);
  const Json found = parse_json(damaged.out, "verify");
  ASSERT_EQ(found["faults"].size(), 1u);
  EXPECT_EQ(found["faults"][0]["shard"], "train-00000.shard");
  EXPECT_EQ(found["faults"][0]["pictures"].size(), 1u);
  expect_error("data verify set", 3, {"shards.quench"});
  expect_error("data shard set -o packed", 2, {"holds a packed set"});
  expect_error("data shard set -o set/packed", 2, {"outside the set"});
  expect_error("data shard set --imgsz 32 -o other", 2, {"--form files"});
  expect_error("data shard shapes -o other", 2, {"pixels"});
}

TEST_F(CliDataSize, SpeedIsMeasuredAndASetIsListedAnew) {
  const Outcome speed = quench("data speed set --workers 1,2 --imgsz 32 --format json");
  ASSERT_EQ(speed.code, 0) << speed.err;
  const Json said = parse_json(speed.out, "speed");
  ASSERT_EQ(said["passes"].size(), 2u);
  for (const Json& pass : said["passes"]) {
    EXPECT_EQ(pass["images"], 2);
    EXPECT_GT(pass["images_per_s"], 0);
    EXPECT_GE(pass["first_batch_ns"], 0);
  }
  expect_error("data speed set --workers two", 2, {"'two'", "--workers 1,2,4"});
  expect_error("data speed set --workers 1,1,1,1,1", 2, {"5 numbers of threads"});
  const Outcome index = quench("data index set --digest");
  EXPECT_EQ(index.code, 0) << index.err;
  EXPECT_NE(index.err.find("train: 4 pictures, 2 classes, digest"), std::string::npos) << index.err;
}

}  // namespace
}  // namespace quench
