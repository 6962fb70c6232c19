// Data sets as people have them: lists from other machines, other names of folders and files, other encodings.
#include <fstream>

#include "core/json.h"
#include "data/labels/yolo_labels.h"
#include "data/sets/coco_instances.h"
#include "data/sets/description.h"
#include "data/sets/file_finder.h"
#include "data/sets/image_folder.h"
#include "data/sets/picture_set.h"
#include "data/sets/yolo_folder.h"
#include "data_detection_testing.h"
#include "data_testing.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;
using quench::testing::expect_error;
using quench::testing::issues_of;
using quench::testing::TemporaryFolder;
using quench::testing::write_image;

std::string utf16(const std::string& ascii, bool big_endian) {
  std::string out = big_endian ? "\xfe\xff" : "\xff\xfe";
  for (const char c : ascii) {
    out += big_endian ? '\0' : c;
    out += big_endian ? c : '\0';
  }
  return out;
}

/// images/train/{a,b}.png with labels, and a data.yaml whose `train` and `val` are list.txt.
class Layouts : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"a", "b"}) {
      write_image(root() / fmt::format("images/train/{}.png", name), 32, 32, name[0]);
      write_file(root() / fmt::format("labels/train/{}.txt", name), "0 0.5 0.5 0.5 0.5\n");
    }
    yaml("train: list.txt\nval: list.txt\nnames: [cat]\n");
  }
  fs::path root() const { return folder_.path() / "set"; }
  void yaml(const std::string& text) const { write_file(root() / "data.yaml", text); }
  void list(const std::string& text) const { write_file(root() / "list.txt", text); }
  Splits opened() const { return open((root() / "data.yaml").string(), "/nowhere"); }
  void expect_both(const std::string& what) const {
    const Splits splits = opened();
    EXPECT_EQ(splits.train->size(), 2) << what;
    EXPECT_EQ(issues_of(*splits.train, "image"), 0) << what;
  }

  TemporaryFolder folder_;
};

TEST_F(Layouts, ListsOfOtherSystemsAreRead) {
  list("\xef\xbb\xbfimages/train/a.png\nimages/train/b.png\n");
  expect_both("byte order mark");
  list("images\\train\\a.png\r\nimages\\train\\b.png\r\n");
  expect_both("backslashes");
  list(utf16("images/train/a.png\nimages/train/b.png\n", false));
  expect_both("UTF-16");
  list(utf16("images/train/a.png\nimages/train/b.png\n", true));
  expect_both("UTF-16, big-endian");
  list("/content/data/images/train/a.png\n/content/data/images/train/b.png\n");
  expect_both("another root");
  ASSERT_EQ(opened().notes.size(), 1u);
  EXPECT_NE(opened().notes[0].find("/content/data/ is not here"), std::string::npos) << opened().notes[0];
  list("C:\\Users\\me\\data\\images\\train\\a.png\r\nC:\\Users\\me\\data\\images\\train\\b.png");
  expect_both("a drive");
}

TEST_F(Layouts, AListOfNoFilesSaysTheFirstAndWhereItLooked) {
  list("data/mine/images/train/a.png\ndata/mine/images/train/b.png\n");
  expect_error(ErrorKind::data,
               {"none of the 2 lines", "data/mine/images/train/a.png", "looked in " + root().string(),
                "images/train/a.png is there", "list.txt"},
               [&] { opened(); });
  list("images/train/a.png\nimages/train/none.png\n");
  const Splits some = opened();
  EXPECT_EQ(some.train->size(), 1);
  ASSERT_EQ(some.train->issues().size(), 1u);
  EXPECT_NE(some.train->issues()[0].problem.find("images/train/none.png"), std::string::npos);
}

TEST_F(Layouts, APathThatIsNotHereGivesWayToTheFilesFolder) {
  yaml("path: /content/drive/set\ntrain: images/train\nval: images/train\nnames: [cat]\n");
  const Splits splits = opened();
  EXPECT_EQ(splits.train->size(), 2);
  ASSERT_EQ(splits.notes.size(), 1u);
  EXPECT_NE(splits.notes[0].find("/content/drive/set"), std::string::npos) << splits.notes[0];
  yaml("train: /content/set/images/train\nval: C:\\set\\images\\train\nnames: [cat]\n");
  EXPECT_EQ(opened().train->size(), 2);
  EXPECT_EQ(opened().notes.size(), 1u);
  yaml("train: images\\train\nvalid: ..\\images\\train\nnames: [cat]\n");
  EXPECT_EQ(opened().train->size(), 2) << "backslashes, and `valid`";
  yaml("path: /content/set\ntrain: nowhere/train\nval: images/train\nnames: [cat]\n");
  expect_error(ErrorKind::io, {"nowhere/train", "/content/set", root().string()}, [&] { opened(); });
}

TEST_F(Layouts, NamesMayBeMapsWithTextKeysOrTurned) {
  list("images/train/a.png\nimages/train/b.png\n");
  const std::string sources = "train: list.txt\nval: list.txt\n";
  for (const char* names :
       {"names: {'0': cat, '1': dog}\nnc: 2\n", "names: {cat: 0, dog: 1}\nnc: '2'\n", "names:\n  1: dog\n  0: cat\n"}) {
    yaml(sources + names);
    EXPECT_EQ(opened().train->classes(), (std::vector<std::string>{"cat", "dog"})) << names;
  }
  yaml(sources + "names: {0: cat, 2: dog}\n");
  expect_error(ErrorKind::data, {"0..1", "none for 1 and one for 2", "data.yaml"}, [&] { opened(); });
  yaml(sources + "names: [cat, dog]\nnc: 3\n");
  expect_error(ErrorKind::data, {"'nc'", "2", "3"}, [&] { opened(); });
}

TEST_F(Layouts, OtherEncodingsAreNamedWithTheFile) {
  list("images/train/a.png\nimages/train/b.png\n");
  const std::string sources = "train: list.txt\nval: list.txt\n";
  yaml(sources + "names: [\xcd\xb7\xbf\xf8]\n");
  expect_error(ErrorKind::config, {"data.yaml:3", "GBK", "iconv -f GBK"}, [&] { opened(); });
  yaml(sources + "names: [V\xe9lo]\n");
  expect_error(ErrorKind::config, {"data.yaml:3", "LATIN1"}, [&] { opened(); });
  yaml(sources + "names: [\x94\x4c]\n");
  expect_error(ErrorKind::config, {"data.yaml:3", "SHIFT_JIS"}, [&] { opened(); });
  yaml("\xef\xbb\xbf" + sources + "names: [cat]\n");
  EXPECT_EQ(opened().train->classes(), std::vector<std::string>{"cat"});
  yaml(utf16(sources + "names: [cat]\n", false));
  EXPECT_EQ(opened().train->classes(), std::vector<std::string>{"cat"});
  fs::remove(root() / "data.yaml");
  write_file(root() / "classes.txt", "V\xe9lo\n");
  expect_error(ErrorKind::data, {"classes.txt", "LATIN1"}, [&] { open(root().string(), "/nowhere"); });
  write_file(root() / "classes.txt", utf16("cat\r\n", false));
  EXPECT_EQ(open(root().string(), "/nowhere").train->classes(), std::vector<std::string>{"cat"});
}

TEST_F(Layouts, TheDescriptionOfAFolderMayHaveAnyName) {
  list("images/train/a.png\nimages/train/b.png\n");
  const std::string text = "train: list.txt\nval: list.txt\nnames: [wolf]\n";
  for (const char* name : {"data.yml", "Data.YAML", "animals.yaml"}) {
    fs::remove(root() / "data.yaml");
    write_file(root() / name, text);
    write_file(root() / "study.yaml", "models: [yolov5n]\n");
    const Splits splits = open(root().string(), "/nowhere");
    EXPECT_EQ(splits.train->classes(), std::vector<std::string>{"wolf"}) << name;
    EXPECT_TRUE(splits.notes.empty()) << name;
    fs::remove(root() / name);
  }
  write_file(root() / "a.yaml", text);
  write_file(root() / "b.yml", text);
  expect_error(ErrorKind::config, {"a.yaml, b.yml"}, [&] { open(root().string(), "/nowhere"); });
  yaml(text);
  EXPECT_EQ(open(root().string(), "/nowhere").notes.size(), 2u) << "two that are not used";
}

TEST_F(Layouts, LabelsOfOtherSystemsAndOfPredictionsAreRead) {
  list("images/train/a.png\nimages/train/b.png\n");
  write_file(root() / "labels/train/a.txt", utf16("0 0.5 0.5 0.25 0.25\r\n", false));
  write_file(root() / "labels/train/b.txt", "0 0.5 0.5 0.25 0.25 0.91\n");  // with a score
  const Splits splits = opened();
  EXPECT_TRUE(splits.train->issues().empty());
  EXPECT_EQ(splits.train->objects(0), splits.train->objects(1));
}

TEST_F(Layouts, WhatSystemsLeaveBesideFilesIsNoData) {
  yaml("train: images/train\nval: images/train\nnames: [cat]\n");
  for (const char* junk :
       {"__MACOSX/._a.png", "__MACOSX/a.png", "@eaDir/a.png/thumb.png", ".thumbs/a.png", "._b.png"}) {
    write_image(root() / "images/train" / junk, 8, 8);
  }
  write_file(root() / "images/train/Thumbs.db", "x");
  expect_both("junk");
  EXPECT_TRUE(is_hidden("a/.x"));
  EXPECT_FALSE(is_hidden("/.cache/a"));
}

TEST(SplitFolders, AreFoundUnderTheirOtherNames) {
  for (const char* name : {"val", "valid", "validation", "Valid", "test", "Testing"}) {
    const TemporaryFolder folder;
    for (const std::string split : {"Train", name}) {
      for (const char* kind : {"cat", "dog"}) write_image(folder.path() / split / kind / "0.png", 8, 8);
    }
    write_image(folder.path() / "Train/__MACOSX/0.png", 8, 8);
    const Splits splits = open(folder.path().string(), "/nowhere");
    EXPECT_EQ(splits.train->classes(), (std::vector<std::string>{"cat", "dog"})) << name;
    EXPECT_EQ(splits.test->size(), 2) << name;
  }
  const TemporaryFolder folder;
  for (const char* split : {"train", "valid", "test"}) write_image(folder.path() / split / "cat/0.png", 8, 8);
  EXPECT_NE(open(folder.path().string(), "/nowhere").validation, nullptr);
}

TEST(SplitFolders, OfImagesAndLabelsNeedNoDescription) {
  const TemporaryFolder folder;
  for (const char* split : {"train", "valid"}) {
    write_image(folder.path() / split / "images/a.png", 16, 16, split[0]);
    write_file(folder.path() / split / "labels/a.txt", "0 0.5 0.5 0.5 0.5\n");
  }
  const Splits splits = open(folder.path().string(), "/nowhere");
  EXPECT_FALSE(splits.same_images);
  EXPECT_EQ(splits.test->objects(0).size(), 1u);
}

TEST(DamagedPictures, AreToldByWhatTheyAre) {
  const TemporaryFolder folder;
  write_file(folder.path() / "page.jpg", "<!DOCTYPE html>\n<html><body>404</body></html>");
  write_file(folder.path() / "lfs.png", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n");
  write_file(folder.path() / "empty.png", "");
  expect_error(ErrorKind::data, {"HTML page", "page.jpg"}, [&] { read_image(folder.path() / "page.jpg"); });
  expect_error(ErrorKind::data, {"Git LFS pointer", "lfs.png"}, [&] { read_image(folder.path() / "lfs.png"); });
  expect_error(ErrorKind::data, {"empty file"}, [&] { read_image(folder.path() / "empty.png"); });
}

TEST(Pictures, WithoutLabelsAreTakenAsTheyAre) {
  const TemporaryFolder folder;
  write_image(folder.path() / "a.png", 24, 16);
  write_image(folder.path() / "more/b.jpg", 16, 16);
  const Splits splits = open_pictures(folder.path(), "detect", "");
  EXPECT_EQ(splits.train->size(), 2);
  EXPECT_EQ(splits.train->task(), "detect");
  EXPECT_EQ(splits.train->image(0).width, 24);
  EXPECT_TRUE(splits.train->objects(0).empty());
  EXPECT_EQ(splits.train->at(1).label, -1);
  expect_error(ErrorKind::io, {"nowhere"}, [&] { open_pictures(folder.path() / "nowhere", "detect", ""); });
}

// --- COCO ---

/// One image `name` with a box of category 7, ids by `id`.
Json coco(const std::string& name, const Json& id) {
  return {{"images", {{{"id", id}, {"file_name", name}}}},
          {"annotations", {{{"id", 1}, {"image_id", id}, {"category_id", 7}, {"bbox", {2, 2, 8, 8}}}}},
          {"categories", {{{"id", 7}, {"name", "cat"}}}}};
}

class CocoLayouts : public ::testing::Test {
 protected:
  void write(const std::string& place, const Json& file) const { write_file(root() / place, file.dump()); }
  fs::path root() const { return folder_.path() / "set"; }
  TemporaryFolder folder_;
};

TEST_F(CocoLayouts, RoboflowsFoldersAreTheSplits) {
  write_image(root() / "train/a.png", 16, 16, 1);
  write_image(root() / "valid/b.png", 16, 16, 2);
  write("train/_annotations.coco.json", coco("a.png", 0));
  write("valid/_annotations.coco.json", coco("b.png", 0));
  for (const fs::path& given : {root() / "train/_annotations.coco.json", root()}) {
    const Splits splits = open(given.string(), "/nowhere");
    EXPECT_FALSE(splits.same_images) << given;
    EXPECT_EQ(splits.train->image(0).name, "a.png");
    EXPECT_EQ(splits.test->image(0).name, "b.png");
    EXPECT_EQ(splits.name, "set");
  }
  fs::rename(root() / "valid", root() / "test");
  EXPECT_FALSE(open(root().string(), "/nowhere").same_images);
}

TEST_F(CocoLayouts, ImagesAreFoundFromTheRootAndByTheirTail) {
  write_image(root() / "images/a.png", 16, 16);
  for (const char* name : {"images/a.png", "images\\a.png", "./images/a.png", "/home/x/coco/a.png",
                           "D:\\coco\\images\\a.png", "train2017/a.png"}) {
    write("annotations/instances_all.json", coco(name, 3));
    const Splits splits = open((root() / "annotations/instances_all.json").string(), "/nowhere");
    EXPECT_EQ(splits.train->size(), 1) << name;
    EXPECT_EQ(splits.train->objects(0).size(), 1u) << name;
  }
}

TEST_F(CocoLayouts, ATailIsNotTakenForTwoImages) {
  write_image(root() / "images/a.png", 16, 16);
  Json file = coco("x/a.png", 1);
  file["images"].push_back({{"id", 2}, {"file_name", "y/a.png"}});
  write("annotations/instances_all.json", file);
  const Splits splits = open((root() / "annotations/instances_all.json").string(), "/nowhere");
  EXPECT_EQ(splits.train->size(), 1);
  EXPECT_EQ(issues_of(*splits.train, "image"), 1);
}

TEST_F(CocoLayouts, IdsMayBeTextsOfDigits) {
  write_image(root() / "annotations/a.png", 16, 16);
  for (const Json& id : {Json("9"), Json("9.0"), Json(9.0), Json("000000000009")}) {
    Json file = coco("a.png", id);
    file["annotations"][0]["category_id"] = "7";
    write("annotations/instances_all.json", file);
    const Splits splits = open((root() / "annotations/instances_all.json").string(), "/nowhere");
    EXPECT_EQ(splits.train->image(0).id, 9);
    EXPECT_EQ(splits.train->objects(0).size(), 1u);
  }
}

TEST_F(CocoLayouts, AnIdOfAnotherTypeIsTold) {
  write_image(root() / "annotations/a.png", 16, 16);
  write("annotations/instances_all.json", coco("a.png", "a9f3"));
  const std::string path = (root() / "annotations/instances_all.json").string();
  expect_error(ErrorKind::data, {"integer 'id'", "the text \"a9f3\"", "images[0]"}, [&] { open(path, "/nowhere"); });
  Json file = coco("a.png", 1);
  file["annotations"].push_back({{"id", 2}, {"image_id", "x"}, {"category_id", 7}, {"bbox", {2, 2, 8, 8}}});
  write("annotations/instances_all.json", file);
  const Splits splits = open(path, "/nowhere");
  ASSERT_EQ(splits.train->issues().size(), 1u);
  EXPECT_NE(splits.train->issues()[0].problem.find("image_id is the text \"x\""), std::string::npos)
      << splits.train->issues()[0].problem;
  file = coco("a.png", 1);
  file["categories"][0]["name"] = nullptr;
  write("annotations/instances_all.json", file);
  expect_error(ErrorKind::data, {"text 'name'", "null", "categories[0]"}, [&] { open(path, "/nowhere"); });
}

TEST_F(CocoLayouts, OtherBytesAreNamed) {
  write_image(root() / "annotations/a.png", 16, 16);
  const std::string path = (root() / "annotations/instances_all.json").string();
  write_file(path, "\xef\xbb\xbf" + coco("a.png", 1).dump());
  EXPECT_EQ(open(path, "/nowhere").train->size(), 1);
  write_file(path, utf16(coco("a.png", 1).dump(), false));
  EXPECT_EQ(open(path, "/nowhere").train->size(), 1);
  std::string text = coco("a.png", 1).dump();
  write_file(path, text.replace(text.find("\"cat\"") + 1, 3, "V\xe9lo"));
  expect_error(ErrorKind::data, {"UTF-8", "LATIN1", "instances_all.json"}, [&] { open(path, "/nowhere"); });
  write_file(path, "<html></html>");
  expect_error(ErrorKind::data, {"HTML page", "instances_all.json"}, [&] { open(path, "/nowhere"); });
}

}  // namespace
}  // namespace quench::data
