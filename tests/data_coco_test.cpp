// COCO instances files: ids, crowds, issues, places of the images; and the real coco128 where it is.
#include <algorithm>
#include <cmath>
#include <map>

#include "core/json.h"
#include "data/labels/coco_json.h"
#include "data/sets/coco_instances.h"
#include "data/sets/image_folder.h"
#include "data_detection_testing.h"
#include "data_testing.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;
using quench::testing::coco128;
using quench::testing::expect_error;
using quench::testing::issues_of;
using quench::testing::TemporaryFolder;
using quench::testing::write_image;
using quench::testing::write_quickly;

Json annotation(int64_t id, int64_t image, int64_t category, const Json& box) {
  return {{"id", id}, {"image_id", image}, {"category_id", category}, {"bbox", box}, {"area", 50.5}, {"iscrowd", 0}};
}

/// Three images (one without boxes), categories 1, 7 and 90 out of order, one crowd.
Json small_file() {
  Json file = {{"info", {{"year", 2017}, {"nested", {1, {{"images", 3}}}}}},
               {"licenses", Json::array()},
               {"images",
                {{{"id", 30}, {"file_name", "c.png"}, {"height", 20}, {"width", 40}},
                 {{"id", 10}, {"file_name", "a.png"}, {"height", 32}, {"width", 64}, {"license", 3}},
                 {{"id", 20}, {"file_name", "b.png"}}}},
               {"annotations",
                {annotation(1, 10, 90, {8, 4, 16, 8}), annotation(2, 10, 1, {0.5, 0.25, 63.5, 31.75}),
                 annotation(3, 30, 7, {1, 2, 3, 4})}},
               {"categories",
                {{{"id", 90}, {"name", "toothbrush"}, {"supercategory", "indoor"}},
                 {{"id", 1}, {"name", "person"}},
                 {{"id", 7}, {"name", "train"}}}}};
  file["annotations"][1]["iscrowd"] = 1;
  file["annotations"][0]["segmentation"] = {{1.5, 2.5, 3, 4, 5, 6}};
  file["annotations"][1]["segmentation"] = {{"counts", {1, 2, 3}}, {"size", {32, 64}}};
  file["annotations"][2].erase("area");
  return file;
}

class Coco : public ::testing::Test {
 protected:
  void SetUp() override { images_into("annotations"); }
  void images_into(const fs::path& folder) const {
    write_image(root() / folder / "a.png", 64, 32, 1);
    write_image(root() / folder / "b.png", 30, 20, 2);
    write_image(root() / folder / "c.png", 40, 20, 3);
  }
  fs::path root() const { return folder_.path() / "set"; }
  fs::path path() const { return root() / "annotations/instances_mini.json"; }
  Splits opened(const Json& file) const {
    write_file(path(), file.dump());
    return open(path().string(), "/nowhere");
  }

  TemporaryFolder folder_;
};

TEST_F(Coco, GivesImagesBoxesClassesAndIds) {
  const Splits splits = opened(small_file());
  const Dataset& set = *splits.train;
  EXPECT_EQ(splits.name, "instances_mini");
  EXPECT_TRUE(splits.same_images);
  EXPECT_EQ(splits.train, splits.test);
  EXPECT_EQ(set.task(), "detect");
  EXPECT_EQ(set.classes(), (std::vector<std::string>{"person", "train", "toothbrush"}));
  EXPECT_EQ(set.category_ids(), (std::vector<int64_t>{1, 7, 90}));
  ASSERT_EQ(set.size(), 3);  // in the file's order
  EXPECT_EQ(set.image(0).id, 30);
  EXPECT_EQ(set.image(1).id, 10);
  EXPECT_EQ(set.image(1).name, "a.png");
  EXPECT_EQ(set.image(2).height, 20);  // which the file does not say
  EXPECT_EQ(set.image(2).width, 30);
  const std::vector<Object> objects = set.objects(1);
  ASSERT_EQ(objects.size(), 2u);
  EXPECT_EQ(objects[0], (Object{{8, 4, 24, 12}, 2, false, 50.5}));
  EXPECT_EQ(objects[1], (Object{{0.5, 0.25, 64, 32}, 0, true, 50.5}));
  EXPECT_EQ(set.objects(0)[0].area, 12);  // of the box
  EXPECT_TRUE(set.objects(2).empty());
  EXPECT_TRUE(set.issues().empty());
  EXPECT_EQ(set.at(1).pixels, read_image(root() / "annotations/a.png"));
  EXPECT_EQ(set.at(1).objects, objects);
}

TEST_F(Coco, ImagesAreFoundInEveryPlace) {
  for (const char* place : {"annotations/images", "images/mini", "mini", "images", "images/other"}) {
    fs::remove_all(root());
    images_into(place);
    EXPECT_EQ(opened(small_file()).train->size(), 3) << place;
  }
  fs::remove_all(root());
  expect_error(ErrorKind::io, {"instances_mini.json", "images/mini", "c.png"}, [&] { opened(small_file()); });
}

TEST_F(Coco, BadReferencesAndBoxesBecomeIssues) {
  Json file = small_file();
  Json& list = file["annotations"];
  list.push_back(annotation(11, 99, 1, {1, 1, 2, 2}));
  list.push_back(annotation(12, 10, 2, {1, 1, 2, 2}));
  list.push_back(annotation(13, 10, 1, {1, 1, -2, 2}));
  list.push_back(annotation(14, 10, 1, {1, 1, 2, 0}));
  list.push_back(annotation(15, 10, 1, {1, 1, 2}));
  list.push_back(annotation(16, 10, 1, {1, 1, 2, "x"}));
  list.push_back(annotation(17, 10, 1, {60, 1, 10, 2}));
  list.push_back(annotation(18, 10, 1, {70, 1, 10, 2}));
  list.push_back({{"image_id", 10}, {"bbox", {1, 1, 2, 2}}});
  list.push_back(annotation(20, 10, 1, nullptr));
  list.push_back(annotation(21, 10, 1, {{1, 1}, 2, 2}));
  list.push_back(annotation(22, 10, 1, {63, 1, 1.5, 2}));  // half a pixel over the border stays as it is
  const Splits splits = opened(file);
  const Dataset& set = *splits.train;
  ASSERT_EQ(set.objects(1).size(), 4u);
  EXPECT_EQ(set.objects(1)[2].box, (Box{60, 1, 64, 3}));
  EXPECT_EQ(set.objects(1)[3].box.x2, 64.5);
  EXPECT_EQ(issues_of(set, "reference"), 3);
  EXPECT_EQ(issues_of(set, "size"), 2);
  EXPECT_EQ(issues_of(set, "numbers"), 4);
  EXPECT_EQ(issues_of(set, "clipped"), 1);
  EXPECT_EQ(issues_of(set, "outside"), 1);
  EXPECT_EQ(set.issues().size(), 11u);
  EXPECT_EQ(set.issues()[0].file, path().string());
  EXPECT_EQ(set.issues()[0].line, 0);
  EXPECT_NE(set.issues()[0].problem.find("annotation 11"), std::string::npos);
  EXPECT_NE(set.issues()[0].problem.find("99"), std::string::npos);
}

TEST_F(Coco, ImagesThatAreMissingOrWrongAreSaid) {
  Json file = small_file();
  file["images"].push_back({{"id", 10}, {"file_name", "b.png"}});
  file["images"][0]["height"] = 21;
  fs::remove(root() / "annotations/a.png");
  write_file(root() / "annotations/b.png", "no image");
  const Splits splits = opened(file);
  ASSERT_EQ(splits.train->size(), 1);
  EXPECT_EQ(splits.train->image(0).height, 20);
  EXPECT_EQ(issues_of(*splits.train, "image"), 3);
  EXPECT_EQ(issues_of(*splits.train, "image_size"), 1);
  bool counted = false;
  for (const LabelIssue& issue : splits.train->issues()) {
    counted = counted || issue.problem.find("a.png) is missing: left out, and 2 objects") != std::string::npos;
  }
  EXPECT_TRUE(counted);
}

TEST_F(Coco, TrainAndValBesideEachOther) {
  const fs::path train = root() / "annotations/instances_train2017.json";
  const fs::path val = root() / "annotations/instances_val2017.json";
  Json file = small_file();
  write_file(train, file.dump());
  file["images"].erase(0);
  write_file(val, file.dump());
  Splits splits = open_coco(train);
  EXPECT_FALSE(splits.same_images);
  EXPECT_EQ(splits.train->size(), 3);
  EXPECT_EQ(splits.test->size(), 2);
  EXPECT_EQ(issues_of(*splits.test, "reference"), 1);
  EXPECT_TRUE(open_coco(val).same_images);  // asked for alone
  file["categories"][0]["name"] = "comb";
  write_file(val, file.dump());
  expect_error(ErrorKind::data, {"categories", "instances_val2017.json"}, [&] { open_coco(train); });
  fs::remove(val);
  images_into("images");
  splits = open(root().string(), "/nowhere");  // a folder with images/ and annotations/
  EXPECT_EQ(splits.name, "instances_train2017");
}

// Both splits of many exports name their pictures alike: a test picture that is missing was once taken from training.
TEST_F(Coco, PicturesOfAnotherSplitAreNotTaken) {
  for (const auto& [train, val] : {std::pair("train2017", "val2017"), {"train", "valid"}}) {
    const fs::path set = root() / train / "set";
    for (const char* split : {train, val}) {
      for (const char* name : {"a.png", "b.png", "c.png"}) {
        write_image(set / "images" / split / name, split == train ? 10 : 50, 30, 1);
      }
    }
    Json file = small_file();
    for (Json& image : file["images"]) image.update({{"height", 30}, {"width", 50}});
    write_file(set / "annotations/instances_val2017.json", file.dump());
    fs::remove(set / "images" / val / "a.png");
    const Splits splits = open((set / "annotations/instances_val2017.json").string(), "/nowhere");
    ASSERT_EQ(splits.train->size(), 2) << val;
    for (int64_t i = 0; i < 2; ++i) EXPECT_NE(splits.train->file(i).string().find(val), std::string::npos);
    EXPECT_EQ(issues_of(*splits.train, "image"), 1);
  }
  // Where no folder is the split's own, the pictures may lie with those of another.
  images_into("../lone/images/train2017");
  write_file(root() / "../lone/annotations/instances_val2017.json", small_file().dump());
  EXPECT_EQ(open((root() / "../lone/annotations/instances_val2017.json").string(), "/nowhere").train->size(), 3);
}

TEST_F(Coco, StructureThatIsNoInstancesFileIsNamed) {
  const auto refused = [&](const std::string& text, std::initializer_list<std::string> parts) {
    expect_error(ErrorKind::data, parts, [&] { parse_coco_json(text, "x.json"); });
  };
  refused("", {"x.json", "JSON"});
  refused("{\"images\": [", {"x.json", "byte"});
  refused("[]", {"object", "list"});
  refused("3", {"object"});
  refused("{}", {"images"});
  refused(R"({"images": [], "annotations": []})", {"categories"});
  refused(R"({"images": {}, "annotations": [], "categories": []})", {"list", "images"});
  refused(R"({"images": [3], "annotations": [], "categories": []})", {"object", "images[0]"});
  refused(R"({"images": [[]], "annotations": [], "categories": []})", {"object", "images"});
  refused(R"({"images": [{"id": 1}], "annotations": [], "categories": []})", {"file_name", "images[0]"});
  refused(R"({"images": [{"id": "1a", "file_name": "a"}], "annotations": [], "categories": []})", {"id", "images[0]"});
  refused(R"({"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}, {"name": "b"}]})",
          {"id", "categories[1]"});
  refused(R"({"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]})",
          {"once", "'a'", "'b'"});
  refused(R"({"images": [], "annotations": [{"bbox": [1e999, 0, 1, 1]}], "categories": []})", {"JSON"});
  expect_error(ErrorKind::io, {"none.json"}, [] { open("none.json", "/nowhere"); });
}

TEST_F(Coco, NumbersOfEitherKindAreIds) {
  const CocoJson file = parse_coco_json(
      R"({"images": [{"id": 1.0, "file_name": "a"}], "annotations": [{"id": 2, "image_id": 1.0, "category_id": 3,
      "bbox": [0, 1.5, 2, 3e0], "iscrowd": true}, {"image_id": 1.5}], "categories": [{"id": 3, "name": ""}]})",
      "x");
  EXPECT_EQ(file.images[0].id, 1);
  EXPECT_EQ(file.annotations[0].image_id, 1);
  EXPECT_TRUE(file.annotations[0].crowd);
  EXPECT_EQ(file.annotations[0].box, (std::array<double, 4>{0, 1.5, 2, 3}));
  EXPECT_FALSE(file.annotations[1].image_id.has_value());
}

// Any text: a data set whose objects + issues account for every annotation, or Error.
TEST_F(Coco, Fuzz) {
  const std::string seed = small_file().dump();
  const std::vector<std::string> pieces{"[",     "]",     "{",           "}",       ",",   ":",
                                        "\"",    "null",  "true",        "-1",      "1e9", "1e99",
                                        "-1e99", "1e400", "\"images\":", "\"id\":", "0",   "99999999999999999999"};
  int whole = 0, errors = 0;
  opened(small_file());
  for (uint64_t round = 0; round < 4000; ++round) {
    Rng rng(5, "coco", round);
    std::string text = seed;
    for (uint64_t i = 0, many = 1 + rng.below(3); i < many; ++i) {
      const size_t at = rng.below(text.size());
      switch (rng.below(4)) {
        case 0: text[at] = static_cast<char>(rng.below(256)); break;
        case 1: text.erase(at, 1 + rng.below(6)); break;
        case 2: text.insert(at, text.substr(rng.below(text.size()), 1 + rng.below(30))); break;
        default: text.replace(at, rng.below(4), pieces[rng.below(pieces.size())]); break;
      }
    }
    write_quickly(path(), text);
    try {
      const Splits splits = open_coco(path());
      size_t objects = 0;
      for (int64_t i = 0; i < splits.train->size(); ++i) {
        for (const Object& object : splits.train->objects(i)) {
          ++objects;
          EXPECT_TRUE(std::isfinite(object.box.x1 + object.box.y1 + object.box.x2 + object.box.y2 + object.area));
          EXPECT_GT(object.box.area(), 0);
          EXPECT_TRUE(object.label >= 0 && object.label < splits.train->classes().size());
        }
      }
      const bool lost_images = issues_of(*splits.train, "image") > 0;
      if (!lost_images) {
        EXPECT_GE(objects + splits.train->issues().size(), parse_coco_json(text, "x").annotations.size());
      }
      ++whole;
    } catch (const Error& error) {
      EXPECT_TRUE(error.kind() == ErrorKind::data || error.kind() == ErrorKind::io) << error.what();
      ++errors;
    }
    if (HasFailure()) FAIL() << "round " << round << "\n" << text;
  }
  EXPECT_GT(errors, 500);
  EXPECT_GT(whole, 200);
  EXPECT_THROW(parse_coco_json(std::string(100000, '['), "deep"), Error);
  EXPECT_THROW(parse_coco_json("{\"info\":" + std::string(100000, '['), "deep"), Error);
}

TEST(Coco128, InstancesFile) {
  const fs::path file = coco128() / "annotations/instances_coco128.json";
  if (!fs::exists(file)) GTEST_SKIP() << "no " << file;
  const Splits splits = open(file.string(), "/nowhere");
  EXPECT_TRUE(splits.same_images);
  ASSERT_EQ(splits.train->size(), 128);
  int64_t objects = 0, crowds = 0;
  for (int64_t i = 0; i < 128; ++i) {
    for (const Object& object : splits.train->objects(i)) {
      ++objects;
      crowds += object.crowd;
    }
  }
  EXPECT_EQ(objects, 939);
  EXPECT_EQ(crowds, 10);
  EXPECT_TRUE(splits.train->issues().empty());
  ASSERT_EQ(splits.train->category_ids().size(), 80u);
  EXPECT_EQ(splits.train->category_ids().back(), 90);
}

TEST(Coco128, LabelsAndInstancesAgree) {
  const fs::path file = coco128() / "annotations/instances_coco128.json";
  if (!fs::exists(file)) GTEST_SKIP() << "no " << file;
  const auto labels = open(coco128().string(), "/nowhere").train, instances = open(file.string(), "/nowhere").train;
  EXPECT_EQ(labels->classes(), instances->classes());
  EXPECT_EQ(labels->category_ids(), instances->category_ids());
  std::map<int64_t, int64_t> place;
  for (int64_t i = 0; i < instances->size(); ++i) place[instances->image(i).id] = i;
  double worst = 0;
  int64_t matched = 0;
  for (int64_t i = 0; i < labels->size(); ++i) {
    const ImageInfo info = labels->image(i);
    ASSERT_TRUE(place.contains(info.id)) << info.name;
    EXPECT_EQ(instances->image(place[info.id]).height, info.height);
    EXPECT_EQ(instances->image(place[info.id]).width, info.width);
    const std::vector<Object> expected = instances->objects(place[info.id]);
    for (const Object& object : labels->objects(i)) {
      double best = 1e9;
      for (const Object& other : expected) {
        if (other.label != object.label || other.crowd) continue;
        const Box &a = object.box, &b = other.box;
        best = std::min(best, std::max({std::abs(a.x1 - b.x1), std::abs(a.y1 - b.y1), std::abs(a.x2 - b.x2),
                                        std::abs(a.y2 - b.y2)}));
      }
      worst = std::max(worst, best);
      ++matched;
    }
  }
  EXPECT_EQ(matched, 929);
  EXPECT_LT(worst, 0.001);  // six decimals of 640 pixels: at most 0.75e-6 * 640 = 0.0005
}

}  // namespace
}  // namespace quench::data
