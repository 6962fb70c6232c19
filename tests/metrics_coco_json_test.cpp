// COCO's files: reading, writing, what is wrong with them, and bytes of any kind.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>

#include "core/error.h"
#include "core/file.h"
#include "core/gzip.h"
#include "core/rng.h"
#include "metrics/coco_json.h"

namespace quench::metrics {
namespace {

namespace fs = std::filesystem;

const std::string kInstances = R"({
  "info": {"description": "x", "images": [{"id": true}], "list": [[1, {"annotations": 3}]]},
  "annotations": [
    {"segmentation": [[1.5, 2, 3, 4]], "area": 12.5, "iscrowd": 0, "image_id": 9, "bbox": [1, 2.5, 3, 4e1],
     "category_id": 90, "id": 1774, "attributes": {"bbox": [1], "area": null}},
    {"segmentation": {"counts": [1, 2], "size": [375, 500]}, "area": 6509, "iscrowd": 1, "image_id": 400,
     "bbox": [318, 261, 95, 113], "category_id": 1, "id": 908400000643},
    {"area": 1, "image_id": 9.0, "bbox": [0, 0, 1, 1], "category_id": 1, "iscrowd": false}
  ],
  "categories": [{"supercategory": "p", "id": 1, "name": "person"}, {"id": 90, "name": "tooth\u0062rush"}],
  "images": [{"id": 9, "file_name": "000000000009.jpg", "height": 480, "width": 640, "license": 3}, {"id": 400}]
})";
const std::string kDetections =
    R"([{"image_id": 9, "category_id": 90, "bbox": [1.25, 0.0, 3e1, 4], "score": 0.60565, "segmentation": [[1], {}]},
        {"score": 1, "bbox": [0, 0, -1, 2], "category_id": 1, "image_id": 400}])";

TEST(CocoJson, ReadsInstances) {
  const CocoInstances instances = parse_coco_instances(kInstances, "x");
  ASSERT_EQ(instances.images.size(), 2u);
  EXPECT_EQ(instances.images[0].file_name, "000000000009.jpg");
  EXPECT_EQ(instances.images[0].width, 640);
  EXPECT_EQ(instances.images[0].height, 480);
  EXPECT_EQ(instances.images[1].id, 400);
  EXPECT_EQ(instances.images[1].file_name, "");
  EXPECT_EQ(instances.images[1].width, 0);
  EXPECT_EQ(instances.categories, (std::vector<CocoCategory>{{1, "person"}, {90, "toothbrush"}}));
  EXPECT_EQ(instances.truths, (std::vector<CocoTruth>{{9, 90, 1, 2.5, 3, 40, 12.5, false},
                                                      {400, 1, 318, 261, 95, 113, 6509, true},
                                                      {9, 1, 0, 0, 1, 1, 1, false}}));
}

TEST(CocoJson, ReadsDetections) {
  EXPECT_EQ(parse_coco_detections(kDetections, "x"),
            (std::vector<CocoDetection>{{9, 90, 1.25, 0, 30, 4, 0.60565}, {400, 1, 0, 0, -1, 2, 1}}));
  EXPECT_TRUE(parse_coco_detections(" [ ] ", "x").empty());
  const auto nulls =
      parse_coco_detections(R"([{"image_id": 1, "category_id": 1, "bbox": [1, 2, null, 4], "score": null}])", "x");
  EXPECT_TRUE(std::isnan(nulls.at(0).score));
  EXPECT_TRUE(std::isnan(nulls.at(0).w));
  EXPECT_EQ(nulls.at(0).h, 4);
}

void expect_error(const std::function<void()>& body, const std::vector<std::string>& parts) {
  try {
    body();
    ADD_FAILURE() << "no error: " << parts.front();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data) << error.what();
    for (const std::string& part : parts) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << part << " in: " << error.what();
    }
  }
}

/// `text` with `from` replaced once.
std::string changed(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(CocoJson, InstancesErrorsNameListIndexAndKey) {
  const auto expect = [](const std::string& from, const std::string& to, std::vector<std::string> parts) {
    parts.push_back("file.json");
    const std::string text = changed(kInstances, from, to);
    expect_error([&] { parse_coco_instances(text, "file.json"); }, parts);
  };
  expect(R"("image_id": 400,)", "", {"'image_id'", "annotations[1]", "none"});
  expect(R"("area": 6509,)", "", {"'area'", "annotations[1]"});
  expect(R"("area": 12.5)", R"("area": null)", {"a number", "annotations[0].area", "null"});
  expect(R"("bbox": [318,)", R"("bbox": [318, 5,)", {"4 numbers", "annotations[1].bbox", "got 5"});
  expect(R"([1, 2.5, 3, 4e1])", "[1, 2.5]", {"4 numbers", "annotations[0].bbox", "got 2"});
  expect(R"([1, 2.5, 3, 4e1])", R"([1, "2", 3, 4])", {"a number", "annotations[0].bbox", "a text"});
  expect(R"([1, 2.5, 3, 4e1])", "[1, [2], 3, 4]", {"a number", "annotations[0].bbox", "a list"});
  expect(R"([1, 2.5, 3, 4e1])", "7", {"a list of 4 numbers", "annotations[0].bbox", "an integer"});
  expect(R"([1, 2.5, 3, 4e1])", "[1, 2, 3, 1e999]", {"JSON", "byte"});
  expect(R"("category_id": 90)", R"("category_id": "90")", {"an integer", "annotations[0].category_id", "a text"});
  expect(R"("category_id": 90)", R"("category_id": 1.5)", {"an integer", "annotations[0].category_id", "a number"});
  expect(R"("category_id": 90)", R"("category_id": 18446744073709551615)",
         {"an integer", "annotations[0].category_id"});
  expect(R"("iscrowd": 1)", R"("iscrowd": {})", {"0 or 1", "annotations[1].iscrowd", "an object"});
  expect(R"("id": 400)", R"("id": 9)", {"different ids", "images[1]", "9"});
  expect(R"({"id": 90)", R"({"id": 1)", {"different ids", "categories[1]"});
  expect(R"({"id": 400})", "{}", {"'id'", "images[1]"});
  expect(R"({"id": 400})", "400", {"an object", "images[1]", "an integer"});
  expect(R"("images": [{"id": 9)", R"("pictures": [{"id": 9)", {"'images'", "none"});
  expect(R"("categories": [)", R"("categories": {}, "x": [)", {"a list", "categories", "an object"});
  expect(R"("categories": [)", R"("annotations": [], "categories": [)", {"one list 'annotations'", "two"});
  expect(R"("license": 3})", R"("license": 3)", {"JSON", "byte"});
  expect_error([] { parse_coco_instances("[]", "file.json"); }, {"an object", "a list", "file.json"});
  expect_error([] { parse_coco_instances("", "file.json"); }, {"JSON", "file.json"});
  expect_error([] { parse_coco_instances("{}", "file.json"); }, {"'images'", "file.json"});
}

TEST(CocoJson, DetectionErrorsNameIndexAndKey) {
  const auto expect = [](const std::string& text, std::vector<std::string> parts) {
    parts.push_back("file.json");
    expect_error([&] { parse_coco_detections(text, "file.json"); }, parts);
  };
  expect(changed(kDetections, R"("score": 1,)", ""), {"'score'", "[1]"});
  expect(changed(kDetections, R"("score": 1,)", R"("score": "1",)"), {"a number", "[1].score", "a text"});
  expect(changed(kDetections, "0.60565", "NaN"), {"JSON", "byte"});
  expect(changed(kDetections, R"("image_id": 9)", R"("image_id": null)"), {"an integer", "[0].image_id", "null"});
  expect("{}", {"a list", "an object"});
  expect("[3]", {"an object", "[0]"});
  expect("[] []", {"JSON", "byte"});
  expect(kInstances, {"a list", "an object"});
}

class CocoFiles : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("quench-coco-{}", ::getpid());
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(CocoFiles, DetectionsReadBackTheSame) {
  Rng rng(1, "detections");
  std::vector<CocoDetection> detections;
  for (int64_t i = 0; i < 500; ++i) {
    detections.push_back({static_cast<int64_t>(rng.next() >> 1), -i, rng.normal(), 1e-300 * rng.normal(),
                          1e300 * rng.uniform(), static_cast<double>(i), rng.uniform()});
  }
  for (const char* name : {"a/plain.json", "a/packed.json.gz"}) {
    write_coco_detections(folder_ / name, detections);
    EXPECT_EQ(read_coco_detections(folder_ / name), detections) << name;
  }
  EXPECT_TRUE(is_gzip(read_file(folder_ / "a/packed.json.gz")));
  EXPECT_LT(fs::file_size(folder_ / "a/packed.json.gz"), fs::file_size(folder_ / "a/plain.json"));
  write_coco_detections(folder_ / "none.json", {});
  EXPECT_TRUE(read_coco_detections(folder_ / "none.json").empty());
  detections.resize(1);
  detections[0].score = std::numeric_limits<double>::quiet_NaN();
  write_coco_detections(folder_ / "nan.json", detections);
  EXPECT_TRUE(std::isnan(read_coco_detections(folder_ / "nan.json").at(0).score));
}

TEST_F(CocoFiles, PackedByContentNotByName) {
  write_file(folder_ / "i.json", gzip(kInstances));
  EXPECT_EQ(read_coco_instances(folder_ / "i.json").truths.size(), 3u);
  const std::string half = gzip(kDetections).substr(0, 60);
  write_file(folder_ / "half.json.gz", half);
  expect_error([&] { read_coco_detections(folder_ / "half.json.gz"); }, {"half.json.gz", "truncated"});
  EXPECT_THROW(read_coco_detections(folder_ / "missing.json"), Error);
}

TEST(CocoFilesEvaluate, ImagesAndCategoriesOfTheFile) {
  const CocoInstances instances = parse_coco_instances(kInstances, "x");
  const CocoResult result = evaluate(instances, parse_coco_detections(kDetections, "x"));
  EXPECT_EQ(result.images, 2);
  EXPECT_EQ(result.truths, 2);
  EXPECT_EQ(result.crowds, 1);
  EXPECT_EQ(result.detections, 2);
  expect_error(
      [&] {
        evaluate(instances, std::vector<CocoDetection>{{9, 1}, {10, 1}});
      },
      {"2 annotated images", "image_id 10", "detection 1"});
  CocoInstances fewer = instances;  // annotations of images that are not listed are left out
  fewer.images.resize(1);
  EXPECT_EQ(evaluate(fewer, {}).crowds, 0);
}

/// Whether `read` takes the bytes; fails the test for anything but that or Error{data}.
bool takes(const std::function<void()>& read, const std::string& what) {
  try {
    read();
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data) << what << ": " << error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << what << ": " << error.what();
  }
  return false;
}

std::string mutated(const std::string& seed, Rng& rng) {
  static constexpr std::string_view kPieces[] = {"null",   "-1", "1e308",  "[",    "]",    "{",       "}",   ",", ":",
                                                 "\"id\"", "0",  "1e-320", "[[]]", "true", "\\u0000", "\xff"};
  std::string bytes = seed;
  for (uint64_t i = 0, many = 1 + rng.below(3); i < many && !bytes.empty(); ++i) {
    const size_t at = rng.below(bytes.size());
    switch (rng.below(5)) {
      case 0: bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.below(8))); break;
      case 1: bytes[at] = static_cast<char>('0' + rng.below(10)); break;
      case 2: bytes.erase(at, 1 + rng.below(12)); break;
      case 3: bytes.insert(at, bytes.substr(rng.below(bytes.size()), 1 + rng.below(40))); break;
      default: bytes.insert(at, kPieces[rng.below(std::size(kPieces))]); break;
    }
  }
  return bytes;
}

TEST(CocoFuzz, BytesChanged) {
  const std::vector<std::string> seeds{kInstances, kDetections};
  int taken = 0, refused = 0;
  for (size_t seed = 0; seed < seeds.size(); ++seed) {
    for (uint64_t round = 0; round < 6000; ++round) {
      Rng rng(seed, "coco bytes", round);
      const std::string bytes = mutated(seeds[seed], rng);
      const std::string what = fmt::format("seed {} round {}", seed, round);
      ++(takes(
             [&] {
               if (seed == 0) {
                 const CocoInstances instances = parse_coco_instances(bytes, "fuzz");
                 ASSERT_LT(instances.truths.size() + instances.images.size(), bytes.size());
                 evaluate(instances, {});
               } else {
                 const std::vector<CocoDetection> detections = parse_coco_detections(bytes, "fuzz");
                 ASSERT_LT(detections.size(), bytes.size());
                 CocoEvaluation evaluation({{1, ""}, {90, ""}});
                 for (const CocoDetection& detection : detections) evaluation.add_detection(detection);
                 evaluation.evaluate();
               }
             },
             what)
             ? taken
             : refused);
    }
  }
  EXPECT_GT(taken, 500);
  EXPECT_GT(refused, 2000);
}

TEST(CocoFuzz, Truncated) {
  for (size_t length = 0; length < kInstances.size(); ++length) {
    EXPECT_FALSE(
        takes([&] { parse_coco_instances(std::string_view(kInstances).substr(0, length), "x"); }, "instances"));
  }
  for (size_t length = 0; length < kDetections.size(); ++length) {
    EXPECT_FALSE(takes([&] { parse_coco_detections(std::string_view(kDetections).substr(0, length), "x"); }, "list"));
  }
}

TEST(CocoFuzz, PackedBytesChanged) {
  const std::string packed = gzip(kDetections);
  int refused = 0;
  for (uint64_t round = 0; round < 2000; ++round) {
    Rng rng(1, "packed", round);
    const std::string bytes = mutated(packed, rng);
    refused += !takes([&] { parse_coco_detections(gunzip(bytes, "x", 1 << 20), "x"); }, std::to_string(round));
  }
  EXPECT_GT(refused, 1500);
}

TEST(CocoFuzz, DeepNesting) {
  const std::string deep(2000000, '[');
  EXPECT_FALSE(takes([&] { parse_coco_detections(deep, "x"); }, "list"));
  EXPECT_FALSE(takes([&] { parse_coco_instances("{\"info\": " + deep, "x"); }, "object"));
}

}  // namespace
}  // namespace quench::metrics
