// Packed sets: what is read from shards is what was read from files, to the bit; and what is damaged, cut, missing or
// unfinished is said.
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <map>
#include <numeric>
#include <set>

#include "config/tables.h"
#include "core/json.h"
#include "data/index/mapped_file.h"
#include "data/loading/loader.h"
#include "data/pictures/letterbox.h"
#include "data/sets/shapes.h"
#include "data/shards/shard_index.h"
#include "data/shards/shard_order.h"
#include "data/shards/sharded_set.h"
#include "data/shards/verify_shards.h"
#include "data/shards/write_shards.h"
#include "data_detection_testing.h"
#include "data_testing.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;
using quench::testing::expect_error;
using quench::testing::TemporaryFolder;
using quench::testing::write_image;

const CancelToken kGo;

class Shards : public ::testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 12; ++i) {
      write_image(root_.path() / fmt::format("set/train/{}/{}.png", i % 2 ? "a b" : "\xc3\xa9\n", i), 20 + i, 12,
                  static_cast<uint64_t>(i));
    }
    write_image(root_.path() / "set/train/a b/last.jpg", 40, 30, 5);
    write_image(root_.path() / "set/test/a b/1.png", 9, 9, 1);
    write_image(root_.path() / "set/test/\xc3\xa9\n/1.png", 9, 9, 2);
    write_image(root_.path() / "set/val/a b/1.png", 9, 9, 3);
    for (int i = 0; i < 6; ++i) {
      write_image(root_.path() / fmt::format("boxes/images/{}.png", i), 64, 32, static_cast<uint64_t>(i));
      if (i != 3) {
        write_file(root_.path() / fmt::format("boxes/labels/{}.txt", i),
                   fmt::format("{} 0.5 0.5 0.25 0.{}\n1 0.25 0.25 0.1 0.1\nwrong\n", i % 3, i + 2));
      }
    }
  }

  Splits set(const char* name = "set") const { return open((root_.path() / name).string(), ""); }
  fs::path packed() const { return root_.path() / "packed"; }
  Splits pack(const Splits& splits, const ShardOptions& options = {}) const {
    write_shards(splits, packed(), options, {}, kGo);
    return open(packed().string(), "");
  }
  std::map<std::string, std::string> files_of(const fs::path& folder) const {
    std::map<std::string, std::string> out;
    for (const auto& entry : fs::directory_iterator(folder)) {
      out[entry.path().filename().string()] = read_file(entry.path());
    }
    return out;
  }
  void flip(const fs::path& file, int64_t at) const {
    std::string bytes = read_file(file);
    bytes.at(static_cast<size_t>(at < 0 ? at + std::ssize(bytes) : at)) ^= 8;
    write_file(file, bytes);
  }

  TemporaryFolder root_;
};

void expect_same(const Dataset& a, const Dataset& b) {
  ASSERT_EQ(a.size(), b.size());
  EXPECT_EQ(a.task(), b.task());
  EXPECT_EQ(a.classes(), b.classes());
  EXPECT_EQ(a.category_ids(), b.category_ids());
  EXPECT_EQ(a.issues(), b.issues());
  EXPECT_EQ(a.digest(), b.digest());
  for (int64_t i = 0; i < a.size(); ++i) {
    const Sample one = a.at(i), other = b.at(i);
    EXPECT_EQ(one.pixels, other.pixels);
    EXPECT_EQ(one.label, other.label);
    EXPECT_EQ(one.objects, other.objects);
    EXPECT_EQ(a.label(i), b.label(i));
    if (a.task() != "detect") continue;
    EXPECT_EQ(a.objects(i), b.objects(i));
    EXPECT_EQ(a.image(i).id, b.image(i).id);
    EXPECT_EQ(a.image(i).name, b.image(i).name);
    EXPECT_EQ(a.image(i).width, b.image(i).width);
  }
}

TEST_F(Shards, HoldWhatTheFilesHold) {
  for (const char* name : {"set", "boxes"}) {
    for (const SampleForm form : {SampleForm::files, SampleForm::pixels}) {
      for (const int64_t bytes : {int64_t{1}, int64_t{3000}, int64_t{1} << 30}) {
        fs::remove_all(packed());
        const Splits plain = set(name), shards = pack(plain, {bytes, form});
        EXPECT_EQ(shards.name, plain.name);
        EXPECT_EQ(shards.same_images, plain.same_images);
        EXPECT_EQ(digest(shards), digest(plain)) << "studies know them as the same data";
        expect_same(*shards.train, *plain.train);
        expect_same(*shards.test, *plain.test);
        ASSERT_EQ(shards.validation != nullptr, plain.validation != nullptr);
        if (plain.validation) expect_same(*shards.validation, *plain.validation);
        const int64_t files = std::ssize(files_of(packed())) - 1;
        const int64_t all = plain.train->size() + (plain.same_images ? 0 : plain.test->size()) +
                            (plain.validation ? plain.validation->size() : 0);
        EXPECT_EQ(files, bytes == 1 ? all : bytes > 1 << 20 ? (plain.same_images ? 1 : 3) : files) << name;
      }
    }
  }
}

// Batches, with shuffling and augmentation, are those of the files: so is what is trained on them.
TEST_F(Shards, BatchesAreThoseOfTheFiles) {
  for (const char* name : {"set", "boxes"}) {
    fs::remove_all(packed());
    const Splits plain = set(name), shards = pack(plain, {.shard_bytes = 2000});
    LoaderOptions options;
    options.imgsz = 32;
    options.batch = 4;
    options.shuffle = options.augment = true;
    options.augmentation = config::augment_options().defaults();
    Loader a(plain.train, options), b(shards.train, options);
    for (int64_t epoch = 0; epoch < 2; ++epoch) {
      a.start(epoch);
      b.start(epoch);
      while (const auto batch = a.next()) {
        const auto other = b.next();
        ASSERT_TRUE(other);
        EXPECT_EQ(batch->images, other->images);
        EXPECT_EQ(batch->indices, other->indices);
        EXPECT_EQ(batch->objects, other->objects);
      }
      EXPECT_FALSE(b.next());
    }
  }
}

TEST_F(Shards, PixelsMayBeResizedWithTheirBoxes) {
  const Splits plain = set("boxes"), shards = pack(plain, {.form = SampleForm::pixels, .imgsz = 32});
  EXPECT_NE(shards.train->digest(), plain.train->digest());
  for (int64_t i = 0; i < plain.train->size(); ++i) {
    const Sample before = plain.train->at(i), after = shards.train->at(i);
    EXPECT_EQ(after.pixels.shape(), (Shape{16, 32, 3}));
    Tensor expected(DType::u8, {16, 32, 3});
    draw(before.pixels, rect_letterbox(32, 64, 32, 1), expected.mutable_values<uint8_t>().data());
    EXPECT_EQ(after.pixels, expected);
    ASSERT_EQ(after.objects.size(), before.objects.size());
    for (size_t k = 0; k < after.objects.size(); ++k) {
      EXPECT_DOUBLE_EQ(after.objects[k].box.x2, before.objects[k].box.x2 / 2);
      EXPECT_DOUBLE_EQ(after.objects[k].area, before.objects[k].area / 4);
    }
    EXPECT_EQ(shards.train->image(i).height, 16);
  }
  fs::remove_all(packed());
  EXPECT_EQ(pack(plain, {.form = SampleForm::pixels, .imgsz = 64}).train->at(0).pixels, plain.train->at(0).pixels)
      << "none is enlarged";
}

TEST_F(Shards, SetsWithoutFilesArePackedAsPixels) {
  const Splits shapes = open_shapes({24, 20, 10, 0});
  expect_error(ErrorKind::config, {"files of their own", "pixels"}, [&] { pack(shapes); });
  const Splits shards = pack(shapes, {.form = SampleForm::pixels});
  expect_same(*shards.train, *shapes.train);
}

TEST_F(Shards, APictureThatDoesNotDecodeIsAnErrorWhenItIsRead) {
  const Splits plain = set();
  write_file(root_.path() / "set/train/a b/1.png", "no picture");
  for (const SampleForm form : {SampleForm::files, SampleForm::pixels}) {
    fs::remove_all(packed());
    const Splits shards = pack(set(), {.form = form});
    EXPECT_EQ(shards.train->size(), plain.train->size());
    expect_error(ErrorKind::data, {"1.png", "train-00000.shard"}, [&] { shards.train->at(0); });
    EXPECT_NO_THROW(shards.train->at(1));
  }
}

TEST_F(Shards, DamageIsSaidWhereItIs) {
  pack(set(), {.shard_bytes = 2000});
  const auto whole = files_of(packed());
  const fs::path shard = packed() / "train-00001.shard", index = packed() / kShardIndexName;
  const ShardIndex known = read_shard_index(packed());
  const auto& shard_of = known.splits[0].shard_of;
  const int64_t first = std::ranges::find(shard_of, 1u) - shard_of.begin();
  const int64_t other_one = std::ranges::find(shard_of, 0u) - shard_of.begin();
  const auto beside = std::find(shard_of.begin() + first + 1, shard_of.end(), 1u) - shard_of.begin();
  ASSERT_LT(beside, std::ssize(shard_of));
  EXPECT_TRUE(verify_shards(packed(), {}, kGo).faults.empty());

  flip(shard, static_cast<int64_t>(known.splits[0].samples[static_cast<size_t>(first)].offset) + 5);
  const Splits flipped = open(packed().string(), "");
  expect_error(ErrorKind::data, {"checksum", "train-00001.shard"}, [&] { flipped.train->at(first); });
  EXPECT_NO_THROW(flipped.train->at(beside)) << "the samples beside it are whole";
  VerifiedShards found = verify_shards(packed(), {}, kGo);
  ASSERT_EQ(found.faults.size(), 1u);
  EXPECT_EQ(found.faults[0].shard, "train-00001.shard");
  EXPECT_EQ(found.faults[0].samples.size(), 1u);

  fs::resize_file(shard, 200);
  expect_error(ErrorKind::data, {"train-00001.shard", "got 200"}, [&] { open(packed().string(), ""); });
  expect_error(ErrorKind::data, {"train-00001.shard"}, [&] {
    flipped.train->at(first);
    flipped.train->at(beside);
  });
  EXPECT_NO_THROW(flipped.train->at(other_one));
  fs::remove(shard);
  expect_error(ErrorKind::io, {"train-00001.shard"}, [&] { open(packed().string(), ""); });
  found = verify_shards(packed(), {}, kGo);
  ASSERT_EQ(found.faults.size(), 1u);
  EXPECT_NE(found.faults[0].problem.find("missing"), std::string::npos);
  write_file(shard, whole.at("train-00001.shard"));

  for (size_t at = 0; at < whole.at(kShardIndexName).size(); at += 37) {
    flip(index, static_cast<int64_t>(at));
    expect_error(ErrorKind::data, {kShardIndexName}, [&] { open(packed().string(), ""); });
    write_file(index, whole.at(kShardIndexName));
  }
  for (const size_t size : {size_t{1}, size_t{39}, size_t{40}, whole.at(kShardIndexName).size() - 1}) {
    write_file(index, whole.at(kShardIndexName).substr(0, size));
    expect_error(ErrorKind::data, {kShardIndexName}, [&] { open(packed().string(), ""); });
  }
  std::string other = whole.at(kShardIndexName);
  other[14] = '2';
  write_file(index, other);
  expect_error(ErrorKind::data, {"version"}, [&] { open(packed().string(), ""); });
}

TEST_F(Shards, WrongBytesUnderARightChecksumLeadNowhere) {
  pack(set("boxes"), {.shard_bytes = 2000});
  const std::string whole = read_file(packed() / kShardIndexName);
  Rng rng(1, "shards");
  for (int i = 0; i < 200; ++i) {
    std::string payload = whole.substr(sizeof(KeptHeader));
    for (int flips = 0; flips < 3; ++flips) {
      const size_t at = static_cast<size_t>(rng.below(payload.size()));
      payload[at] = static_cast<char>(payload[at] ^ (1 << rng.below(8)));
    }
    const KeptHeader header = header_of("quench shards 1", payload);
    quench::testing::write_quickly(packed() / kShardIndexName,
                                   std::string(reinterpret_cast<const char*>(&header), sizeof header) + payload);
    try {
      const Splits splits = open_shards(packed());
      for (int64_t k = 0; k < splits.train->size(); ++k) splits.train->at(k);
    } catch (const Error&) {
    }
  }
}

TEST_F(Shards, WhatIsStoppedGoesOn) {
  const Splits plain = set();
  const ShardOptions options{.shard_bytes = 2000};
  pack(plain, options);
  const auto straight = files_of(packed());
  const int64_t shards = std::ssize(straight) - 1;
  ASSERT_GT(shards, 4);
  for (int64_t whole = 0; whole < shards; ++whole) {
    fs::remove_all(packed());
    fs::create_directories(packed());
    for (int64_t i = 0; i < whole && i < shards - 2; ++i) {
      const std::string name = fmt::format("train-{:05}.shard", i);
      if (straight.contains(name)) write_file(packed() / name, straight.at(name));
    }
    CancelToken token;
    token.cancel();
    expect_error(ErrorKind::cancelled, {}, [&] { write_shards(plain, packed(), options, {}, token); });
    EXPECT_FALSE(is_sharded(packed()));
    for (const auto& [name, bytes] : files_of(packed())) {
      if (!name.ends_with(".shard")) continue;
      EXPECT_EQ(bytes, straight.at(name)) << "half of a shard is not there";
    }
    write_file(packed() / "train-00002.shard.x7Zq", "what a killed call left");
    const WrittenShards written = write_shards(plain, packed(), options, {}, kGo);
    EXPECT_EQ(files_of(packed()), straight);
    EXPECT_EQ(written.shards, shards);
  }
  // A shard of other settings, or one that is not whole, is not taken.
  fs::remove(packed() / kShardIndexName);
  flip(packed() / "train-00001.shard", -1);
  EXPECT_EQ(write_shards(plain, packed(), options, {}, kGo).taken, 3) << "that before it, and the other splits'";
  EXPECT_EQ(files_of(packed()), straight);
  fs::remove(packed() / kShardIndexName);
  EXPECT_EQ(write_shards(plain, packed(), {.shard_bytes = 4000}, {}, kGo).taken, 0);
  expect_same(*open(packed().string(), "").train, *plain.train);
}

TEST_F(Shards, AFullDiskLeavesNothingThatLooksWhole) {
  const Splits plain = set();
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{}, small{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  small = {3000, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  expect_error(ErrorKind::io, {"train-00000.shard"}, [&] { pack(plain); });
  ::setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, before);
  EXPECT_FALSE(is_sharded(packed()));
  for (const auto& [name, bytes] : files_of(packed())) EXPECT_EQ(name.find("shard"), std::string::npos) << name;
  expect_same(*pack(plain).train, *plain.train);
}

TEST_F(Shards, OtherFoldersAreNotWrittenInto) {
  const Splits plain = set();
  expect_error(ErrorKind::config, {"holds"}, [&] { write_shards(plain, root_.path() / "boxes", {}, {}, kGo); });
  pack(plain);
  expect_error(ErrorKind::config, {"packed set"}, [&] { write_shards(plain, packed(), {}, {}, kGo); });
}

TEST(ShardReadings, AreParsed) {
  EXPECT_FALSE(parse_shard_reading("").by_shards);
  EXPECT_TRUE(parse_shard_reading("shuffle=shards,window=3").by_shards);
  EXPECT_EQ(parse_shard_reading("window=3").window, 3);
  for (const char* text : {"shuffle", "shuffle=some", "window=0", "window=x", "window=", "size=3", "window=3,"}) {
    expect_error(ErrorKind::config, {"shuffle=shards"}, [&] { parse_shard_reading(text); });
  }
}

TEST_F(Shards, TrainingMayGoByShards) {
  const Splits plain = pack(set(), {.shard_bytes = 2000});
  const Splits ordered = open(packed().string() + ":shuffle=shards,window=2", "");
  const auto* in_shards = dynamic_cast<const InShards*>(ordered.train.get());
  ASSERT_TRUE(in_shards);
  EXPECT_NE(ordered.train->digest(), plain.train->digest()) << "another training, and known as such";
  EXPECT_EQ(ordered.test->digest(), plain.test->digest());
  const auto order = [](const std::shared_ptr<const Dataset>& split, uint64_t seed, int64_t epoch, int workers) {
    LoaderOptions options;
    options.imgsz = 16;
    options.batch = 3;
    options.shuffle = true;
    options.seed = seed;
    options.workers = workers;
    Loader loader(split, options);
    loader.start(epoch);
    std::vector<int64_t> out;
    while (const auto batch = loader.next()) out.insert(out.end(), batch->indices.begin(), batch->indices.end());
    return out;
  };
  const std::vector<int64_t> one = order(ordered.train, 1, 0, 2);
  EXPECT_EQ(order(ordered.train, 1, 0, 0), one) << "of seed and epoch alone";
  EXPECT_NE(order(ordered.train, 1, 1, 2), one);
  EXPECT_NE(order(ordered.train, 2, 0, 2), one);
  EXPECT_NE(order(plain.train, 1, 0, 2), one);
  std::vector<int64_t> sorted = one, all(one.size());
  std::ranges::sort(sorted);
  std::iota(all.begin(), all.end(), int64_t{0});
  EXPECT_EQ(sorted, all);
  // No shard is come back to after two others: at most two are read from at a time.
  std::vector<std::set<int64_t>> groups{{}};
  for (const int64_t index : one) {
    const int64_t shard = in_shards->shard_of(index);
    if (!groups.back().contains(shard) && groups.back().size() == 2) groups.emplace_back();
    groups.back().insert(shard);
  }
  std::multiset<int64_t> seen;
  for (const auto& group : groups) seen.insert(group.begin(), group.end());
  EXPECT_EQ(seen.size(), std::set<int64_t>(seen.begin(), seen.end()).size());
  // Views of it go by shards too.
  const Splits held = with_validation({"x", ordered.train, ordered.test}, 0.3, 0);
  EXPECT_NE(order(held.train, 1, 0, 2).size(), one.size());
  ASSERT_TRUE(dynamic_cast<const InShards*>(held.train.get()));
  EXPECT_EQ(dynamic_cast<const InShards*>(held.train.get())->window(), 2);
}

}  // namespace
}  // namespace quench::data
