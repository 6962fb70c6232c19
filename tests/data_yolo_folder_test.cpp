// The YOLO layout: data.yaml, folders, lists; and the real coco128 where it is.
#include <algorithm>
#include <thread>

#include "data/sets/catalog.h"
#include "data/sets/detection_files.h"
#include "data/sets/image_folder.h"
#include "data/sets/yolo_folder.h"
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

/// images/{train,val} of 2 + 1 images, all but train/b labelled, and data.yaml.
class YoloFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    write_image(root() / "images/train/a.png", 64, 32, 1);
    write_image(root() / "images/train/b.jpg", 30, 20, 2);
    write_image(root() / "images/val/c.png", 16, 16, 3);
    write_file(root() / "labels/train/a.txt", "1 0.5 0.5 0.5 0.5\n0 0.25 0.25 0.25 0.25\n");
    write_file(root() / "labels/val/c.txt", "1 0.5 0.5 1 1\n");
    yaml("train: images/train\nval: images/val\nnames: [cat, dog]\n");
  }
  fs::path root() const { return folder_.path() / "set"; }
  void yaml(const std::string& text) const { write_file(root() / "data.yaml", text); }
  Splits opened() const { return open((root() / "data.yaml").string(), "/nowhere"); }
  void expect_whole(const Splits& splits) const {
    ASSERT_EQ(splits.train->size(), 2);
    ASSERT_EQ(splits.test->size(), 1);
    EXPECT_FALSE(splits.same_images);
    EXPECT_EQ(splits.train->objects(0).size(), 2u);
    EXPECT_EQ(splits.train->objects(1).size(), 0u);
    EXPECT_EQ(splits.test->objects(0).size(), 1u);
    EXPECT_TRUE(splits.train->issues().empty());
  }

  TemporaryFolder folder_;
};

TEST_F(YoloFolder, HiddenCopiesAreNoData) {
  write_image(root() / "images/train/.ipynb_checkpoints/a-checkpoint.png", 64, 32, 1);
  write_image(root() / "images/train/._a.png", 64, 32, 1);
  write_file(root() / "labels/train/._a.txt", "junk");
  expect_whole(opened());
}

TEST_F(YoloFolder, DigestCoversLabelsAndClassNames) {
  const std::string before = opened().train->digest(), test_before = opened().test->digest();
  yaml("train: images/train\nval: images/val\nnames: [cat, wolf]\n");
  EXPECT_NE(opened().train->digest(), before);
  yaml("train: images/train\nval: images/val\nnames: [cat, dog]\n");
  EXPECT_EQ(opened().train->digest(), before);
  write_file(root() / "labels/train/a.txt", "1 0.5 0.5 0.5 0.5\n1 0.25 0.25 0.25 0.25\n");
  EXPECT_NE(opened().train->digest(), before);
  EXPECT_EQ(opened().test->digest(), test_before);
}

TEST_F(YoloFolder, YamlGivesImagesBoxesAndNames) {
  const Splits splits = opened();
  expect_whole(splits);
  EXPECT_EQ(splits.name, "data");
  EXPECT_EQ(splits.train->task(), "detect");
  EXPECT_EQ(splits.train->classes(), (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(splits.train->category_ids(), (std::vector<int64_t>{0, 1}));
  const ImageInfo info = splits.train->image(0);
  EXPECT_EQ(info.name, "a.png");
  EXPECT_EQ(info.height, 32);
  EXPECT_EQ(info.width, 64);
  const std::vector<Object> objects = splits.train->objects(0);
  EXPECT_EQ(objects[0], (Object{{16, 8, 48, 24}, 1, false, 32 * 16}));
  EXPECT_EQ(objects[1].label, 0);
  const Sample sample = splits.train->at(0);
  EXPECT_EQ(sample.objects, objects);
  EXPECT_EQ(sample.pixels, read_image(root() / "images/train/a.png"));
  EXPECT_EQ(sample.label, -1);
}

TEST_F(YoloFolder, EveryWayToNameTheImages) {
  yaml("path: .\ntrain: [images/train]\nval:\n  - images/val\nnc: 2\nnames: {1: dog, 0: cat}\n");
  expect_whole(opened());
  EXPECT_EQ(opened().train->classes(), (std::vector<std::string>{"cat", "dog"}));
  yaml("path: ..\ntrain: set/images/train/\nval: set/images/val\nnc: 2\n");
  expect_whole(opened());
  EXPECT_EQ(opened().train->classes(), (std::vector<std::string>{"class_0", "class_1"}));
  yaml("train: ../images/train\nval: ../images/val\nnames: [a, b]\n");  // as some exports have it
  expect_whole(opened());
  yaml("path: " + root().string() + "\ntrain: images/train\nval: images/val\nnames: [a, b]\ndownload: x\n");
  expect_whole(opened());
  yaml("train: " + (root() / "images/train").string() + "\ntest: images/val\nnames: [a, b]\n");  // no val: test
  expect_whole(opened());
  write_file(root() / "lists/train.txt", "./../images/train/a.png\nimages/train/b.jpg\r\n\n");
  yaml("train: lists/train.txt\nval: images/val\nnames: [a, b]\n");
  expect_whole(opened());
  expect_whole(open(root().string(), "/nowhere"));  // a folder with a data.yaml
  EXPECT_EQ(open(root().string() + "/", "/nowhere").name, "set");
}

TEST_F(YoloFolder, AListSaysWhatItMisses) {
  write_file(root() / "train.txt",
             "images/train/a.png\nimages/train/none.png\nimages/train/a.png\nlabels/train/a.txt\n");
  yaml("train: train.txt\nval: images/val\nnames: [a, b]\n");
  const Splits splits = opened();
  EXPECT_EQ(splits.train->size(), 1);
  const std::vector<LabelIssue> issues = splits.train->issues();
  ASSERT_EQ(issues.size(), 2u);
  EXPECT_EQ(issues[0].line, 2);
  EXPECT_EQ(issues[1].line, 4);
  EXPECT_EQ(issues[0].file, (root() / "train.txt").string());
}

TEST_F(YoloFolder, FolderWithoutYaml) {
  fs::remove(root() / "data.yaml");
  Splits splits = open(root().string(), "/nowhere");
  expect_whole(splits);
  EXPECT_EQ(splits.name, "set");
  EXPECT_EQ(splits.train->classes(), (std::vector<std::string>{"class_0", "class_1"}));
  write_file(root() / "labels/classes.txt", "cat\ndog\nhorse\n");
  splits = open(root().string(), "/nowhere");
  expect_whole(splits);
  EXPECT_EQ(splits.train->classes(), (std::vector<std::string>{"cat", "dog", "horse"}));
}

TEST_F(YoloFolder, SameImagesAreSaid) {
  yaml("train: images/train\nval: images/train\nnames: [cat, dog]\n");
  Splits splits = opened();
  EXPECT_TRUE(splits.same_images);
  EXPECT_EQ(splits.train, splits.test);
  fs::remove(root() / "data.yaml");
  fs::remove_all(root() / "images/val");
  fs::remove_all(root() / "labels/val");
  splits = open(root().string(), "/nowhere");
  EXPECT_TRUE(splits.same_images);
  EXPECT_EQ(splits.train->size(), 2);
}

TEST_F(YoloFolder, ImagesInBothSplitsAreSaid) {
  yaml("train: images/train\nval: [images/val, images/train]\nnames: [cat, dog]\n");
  const Splits splits = opened();
  EXPECT_FALSE(splits.same_images);
  EXPECT_EQ(splits.test->size(), 3);
  EXPECT_EQ(issues_of(*splits.test, "both_splits"), 2);
}

TEST_F(YoloFolder, IssuesNameFileAndLineInOrder) {
  write_file(root() / "labels/train/a.txt", "9 0.5 0.5 0.5 0.5\n0 0.25 0.25 0.25 0.25\n1 2 3\n");
  write_file(root() / "labels/train/b.txt", "0 0.25 0.25 0.25 0.25\n0 0.25 0.25 0.25 0.25\n");
  write_file(root() / "labels/train/z.txt", "0 0.25 0.25 0.25 0.25\n");
  write_file(root() / "images/train/m.png", "no image");
  const Splits splits = opened();
  EXPECT_EQ(splits.train->size(), 2);
  EXPECT_EQ(splits.train->objects(0).size(), 1u);
  const std::vector<LabelIssue> issues = splits.train->issues();
  ASSERT_EQ(issues.size(), 5u);
  EXPECT_TRUE(issues[0].file.ends_with("images/train/m.png"));
  EXPECT_EQ(issues[0].kind, "image");
  EXPECT_TRUE(issues[1].file.ends_with("labels/train/a.txt"));
  EXPECT_EQ(issues[1].kind, "class");
  EXPECT_EQ(issues[1].line, 1);
  EXPECT_EQ(issues[2].kind, "numbers");
  EXPECT_EQ(issues[2].line, 3);
  EXPECT_TRUE(issues[3].file.ends_with("b.txt"));
  EXPECT_EQ(issues[3].kind, "duplicate");
  EXPECT_TRUE(issues[4].file.ends_with("z.txt"));
  EXPECT_EQ(issues[4].kind, "image");
  EXPECT_EQ(first_images(splits.train, 1)->issues().size(), 5u);
}

TEST_F(YoloFolder, LimitsKeepTheObjects) {
  const Splits splits = opened();
  const auto first = first_images(splits.train, 1);
  ASSERT_EQ(first->size(), 1);
  EXPECT_EQ(first->task(), "detect");
  EXPECT_EQ(first->objects(0), splits.train->objects(0));
  EXPECT_EQ(first->image(0).name, "a.png");
  EXPECT_EQ(first->at(0).objects, splits.train->objects(0));
  EXPECT_EQ(first->category_ids(), splits.train->category_ids());
  EXPECT_EQ(limited(splits.train, 1, 5)->size(), 1);
}

TEST_F(YoloFolder, DigestFollowsLabelsNamesAndPixels) {
  const std::string before = opened().train->digest();
  EXPECT_EQ(opened().train->digest(), before);
  EXPECT_NE(opened().test->digest(), before);
  yaml("train: images/train\nval: images/val\nnames: [cat, cow]\n");
  EXPECT_NE(opened().train->digest(), before);
  yaml("train: images/train\nval: images/val\nnames: [cat, dog]\n");
  EXPECT_EQ(opened().train->digest(), before);
  write_file(root() / "labels/train/a.txt", "1 0.5 0.5 0.5 0.5\n0 0.25 0.25 0.25 0.26\n");
  EXPECT_NE(opened().train->digest(), before);
  write_file(root() / "labels/train/a.txt", "1 0.5 0.5 0.5 0.5\n0 0.25 0.25 0.25 0.25\n");
  write_image(root() / "images/train/b.jpg", 30, 20, 77);
  EXPECT_NE(opened().train->digest(), before);
}

TEST_F(YoloFolder, NumbersInFileNamesAreTheIds) {
  EXPECT_EQ(opened().train->image(1).id, 1);
  fs::rename(root() / "images/train/a.png", root() / "images/train/000000000139.png");
  fs::rename(root() / "images/train/b.jpg", root() / "images/train/000000000285.jpg");
  fs::remove(root() / "labels/train/a.txt");
  write_file(root() / "labels/train/000000000139.txt", "0 0.5 0.5 0.5 0.5");
  EXPECT_EQ(opened().train->image(0).id, 139);
  EXPECT_EQ(opened().train->image(1).id, 285);
}

TEST_F(YoloFolder, BadYamlIsNamed) {
  const auto refused = [&](const std::string& text, ErrorKind kind, std::initializer_list<std::string> parts) {
    yaml(text);
    expect_error(kind, parts, [&] { opened(); });
  };
  const std::string images = "train: images/train\nval: images/val\n";
  refused("train: [", ErrorKind::config, {"data.yaml"});
  refused("- 1\n- 2\n", ErrorKind::data, {"data.yaml", "map"});
  refused(images, ErrorKind::data, {"names"});
  refused(images + "names: cat\n", ErrorKind::data, {"names", "cat"});
  refused(images + "names: []\n", ErrorKind::data, {"names"});
  refused(images + "names: [a, [b]]\n", ErrorKind::data, {"names"});
  refused(images + "names: {0: a, 2: b}\n", ErrorKind::data, {"0..1"});
  refused(images + "names: {x: a}\n", ErrorKind::data, {"0..0"});
  refused(images + "names: [a, b]\nnc: 3\n", ErrorKind::data, {"nc", "2", "3"});
  refused(images + "nc: many\n", ErrorKind::data, {"nc", "many"});
  refused("val: images/val\nnames: [a, b]\n", ErrorKind::data, {"train"});
  refused("train: images/train\nnames: [a, b]\n", ErrorKind::data, {"val"});
  refused("train: 3\nval: images/val\nnames: [a, b]\n", ErrorKind::data, {"train", "3"});
  refused("train: images/trian\nval: images/val\nnames: [a, b]\n", ErrorKind::io, {"images/trian", "train"});
  refused("train: data.yaml\nval: images/val\nnames: [a, b]\n", ErrorKind::data, {"data.yaml", "folder"});
  refused("path: 7\n" + images + "names: [a, b]\n", ErrorKind::data, {"path"});
  refused("train: labels\nval: images/val\nnames: [a, b]\n", ErrorKind::data, {"images", "none"});
  expect_error(ErrorKind::io, {"none.yaml"}, [&] { open((root() / "none.yaml").string(), "/nowhere"); });
}

TEST_F(YoloFolder, NoLabelsAtAllIsAnError) {
  fs::remove_all(root() / "labels/train");
  expect_error(ErrorKind::data, {"label", "labels/train/a.txt"}, [&] { opened(); });
}

TEST_F(YoloFolder, YamlFuzz) {
  const std::string seed = "path: .\ntrain: [images/train]\nval:\n  - images/val\nnc: 2\nnames: {1: dog, 0: cat}\n";
  const std::string odd = "[]{}:,-#&*!|>'\"%@`? \n\t0129abz~";  // no '/' or '.': another folder is not to be searched
  int whole = 0, errors = 0;
  for (uint64_t round = 0; round < 1500; ++round) {
    Rng rng(4, "yaml", round);
    std::string text = seed;
    for (uint64_t i = 0, many = 1 + rng.below(3); i < many; ++i) {
      const size_t at = 8 + rng.below(text.size() - 8);
      switch (rng.below(3)) {
        case 0: text[at] = odd[rng.below(odd.size())]; break;
        case 1: text.insert(at, 1, odd[rng.below(odd.size())]); break;
        default: text.erase(at, 1); break;
      }
    }
    write_quickly(root() / "data.yaml", text);
    try {
      const Splits splits = opened();
      EXPECT_GT(splits.train->size() + splits.test->size(), 0);
      ++whole;
    } catch (const Error& error) {
      EXPECT_TRUE(error.kind() == ErrorKind::config || error.kind() == ErrorKind::data || error.kind() == ErrorKind::io)
          << error.what();
      ++errors;
    }
  }
  EXPECT_GT(errors, 500);
  EXPECT_GT(whole, 20);
}

TEST_F(YoloFolder, CacheHoldsItsBoundAndServesThreads) {
  ImageCache cache(64 * 32 * 3 + 10);
  const fs::path first = root() / "images/train/a.png", second = root() / "images/train/b.jpg";
  const Tensor expected_first = read_image(first), expected_second = read_image(second);
  cache.get(first);
  EXPECT_EQ(cache.size_bytes(), 64 * 32 * 3);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        Tensor mine = cache.get(first);
        EXPECT_EQ(mine, expected_first);
        mine.mutable_values<uint8_t>()[0] ^= 255;  // a copy: others do not see it
        EXPECT_EQ(cache.get(second), expected_second);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(cache.size_bytes(), 64 * 32 * 3);  // the second does not fit
  fs::remove(first);
  EXPECT_EQ(cache.get(first), expected_first);  // not read again
}

TEST_F(YoloFolder, ContactSheetDrawsBoxes) {
  const Splits splits = opened();
  write_file(root() / "sheet.png", contact_sheet(*splits.train, 2, 4));
  const Tensor sheet = read_image(root() / "sheet.png");
  EXPECT_EQ(sheet.shape(), (Shape{4 + 338, 4 + 2 * 324, 3}));
}

TEST(YoloLabelPath, LastImagesFolderIsReplaced) {
  EXPECT_EQ(yolo_label_path("/images/x/images/train/a.b.jpg"), "/images/x/labels/train/a.b.txt");
  EXPECT_EQ(yolo_label_path("/x/pics/a.png"), "/x/pics/a.txt");
}

TEST(Coco128, AsFolder) {
  if (!fs::is_directory(coco128())) GTEST_SKIP() << "no " << coco128();
  const Splits splits = open(coco128().string(), "/nowhere");
  EXPECT_EQ(splits.name, "coco128");
  EXPECT_TRUE(splits.same_images);
  ASSERT_EQ(splits.train->size(), 128);
  ASSERT_EQ(splits.train->classes().size(), 80u);
  EXPECT_EQ(splits.train->classes()[0], "person");
  EXPECT_EQ(splits.train->classes()[79], "toothbrush");
  EXPECT_EQ(splits.train->category_ids()[79], 90);
  int64_t objects = 0, background = 0;
  for (int64_t i = 0; i < 128; ++i) {
    objects += static_cast<int64_t>(splits.train->objects(i).size());
    background += splits.train->objects(i).empty();
  }
  EXPECT_EQ(objects, 929);
  EXPECT_EQ(background, 2);
  EXPECT_TRUE(splits.train->issues().empty());
  EXPECT_EQ(splits.train->image(0).id, 9);
  for (int64_t i = 0; i < 128; i += 16) {
    const Sample sample = splits.train->at(i);
    EXPECT_EQ(sample.pixels.shape(), (Shape{splits.train->image(i).height, splits.train->image(i).width, 3}));
  }
}

}  // namespace
}  // namespace quench::data
