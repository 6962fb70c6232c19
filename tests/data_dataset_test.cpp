#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "data/sets/catalog.h"
#include "data/sets/cifar.h"
#include "data/sets/dataset.h"
#include "data/sets/find.h"
#include "data/sets/idx.h"
#include "data/sets/image_folder.h"
#include "data/sets/shapes.h"
#include "data_testing.h"
#include "opens_testing.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;
using quench::testing::expect_error;
using quench::testing::TemporaryFolder;

constexpr int kPlane = 32 * 32;

CifarLayout tiny(CifarLayout layout) {
  layout.train_records = 3;
  layout.test_records = 2;
  return layout;
}

/// Records whose planes are filled with (record + 1, record + 2, record + 3) and whose corner pixel differs.
std::string cifar_records(const CifarLayout& layout, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    if (layout.label_bytes == 2) bytes += static_cast<char>(19 - i);  // coarse
    bytes += static_cast<char>(i + 5);
    for (int c = 0; c < 3; ++c) {
      std::string plane(kPlane, static_cast<char>(i + 1 + c));
      plane[31] = static_cast<char>(200 + c);  // row 0, column 31
      bytes += plane;
    }
  }
  return bytes;
}

void write_cifar(const CifarLayout& layout, const fs::path& folder) {
  std::string names;
  for (int i = 0; i < layout.class_count; ++i) names += "class" + std::to_string(i) + "\n";
  write_file(folder / layout.names_file, names + "\n");
  for (const auto& file : layout.train_files) write_file(folder / file, cifar_records(layout, 3));
  for (const auto& file : layout.test_files) write_file(folder / file, cifar_records(layout, 2));
}

class Cifar : public ::testing::TestWithParam<CifarLayout> {};

TEST_P(Cifar, ReadsEveryPlaceAndRecord) {
  const CifarLayout layout = tiny(GetParam());
  for (const char* below : {"official", "", "short", "nested"}) {
    TemporaryFolder root;
    fs::path folder = root.path();
    if (below == std::string("official")) folder /= layout.folder;
    if (below == std::string("short")) folder /= layout.name;
    if (below == std::string("nested")) folder = folder / layout.name / layout.folder;
    write_cifar(layout, folder);
    const Splits splits = open_cifar(layout, root.path());
    ASSERT_EQ(splits.train->size(), 3 * static_cast<int64_t>(layout.train_files.size())) << below;
    ASSERT_EQ(splits.test->size(), 2);
    EXPECT_EQ(splits.train->classes().size(), layout.class_count);
    const Sample sample = splits.train->at(1);
    EXPECT_EQ(sample.label, 6);
    EXPECT_EQ(sample.pixels.shape(), (Shape{32, 32, 3}));
    const auto pixels = sample.pixels.values<uint8_t>();
    EXPECT_EQ(pixels[0], 2);
    EXPECT_EQ(pixels[1], 3);
    EXPECT_EQ(pixels[2], 4);
    EXPECT_EQ(pixels[31 * 3 + 2], 202);
    EXPECT_EQ(pixels[31 * 32 * 3], 2);
    EXPECT_NE(splits.train->digest(), splits.test->digest());
    EXPECT_EQ(splits.train->digest(), open_cifar(layout, root.path()).train->digest());
  }
}

TEST_P(Cifar, TruncatedFileSaysWhatWasExpected) {
  const CifarLayout layout = tiny(GetParam());
  TemporaryFolder root;
  write_cifar(layout, root.path());
  const fs::path file = root.path() / layout.train_files.back();
  const auto whole = fs::file_size(file);
  for (const auto size : {whole - 1, whole / 3, whole / 3 * 2, uintmax_t{0}, whole + 1}) {
    fs::resize_file(file, size);
    expect_error(ErrorKind::data, {file.string(), std::to_string(whole), "got " + std::to_string(size)},
                 [&] { open_cifar(layout, root.path()); });
  }
  fs::remove(file);
  expect_error(ErrorKind::io, {file.filename().string()}, [&] { open_cifar(layout, root.path()); });
}

TEST_P(Cifar, WrongLabelByteIsNamed) {
  const CifarLayout layout = tiny(GetParam());
  TemporaryFolder root;
  write_cifar(layout, root.path());
  std::string bytes = cifar_records(layout, 2);
  const size_t offset = 2 * static_cast<size_t>(layout.label_bytes) + 3 * kPlane - 1;
  bytes[offset] = static_cast<char>(layout.class_count);
  write_file(root.path() / layout.test_files[0], bytes);
  expect_error(ErrorKind::data,
               {layout.test_files[0], "record 1", "offset " + std::to_string(offset),
                "[0," + std::to_string(layout.class_count - 1) + "]", "got " + std::to_string(layout.class_count)},
               [&] { open_cifar(layout, root.path()); });
}

TEST_P(Cifar, WrongNumberOfClassNames) {
  const CifarLayout layout = tiny(GetParam());
  TemporaryFolder root;
  write_cifar(layout, root.path());
  write_file(root.path() / layout.names_file, "one\ntwo\n");
  expect_error(ErrorKind::data, {layout.names_file, "got 2"}, [&] { open_cifar(layout, root.path()); });
}

INSTANTIATE_TEST_SUITE_P(Layouts, Cifar, ::testing::Values(cifar10_layout(), cifar100_layout()),
                         [](const auto& info) { return info.param.name; });

TEST(Open, MissingSetSaysHowToGetItAndWhereItLooked) {
  TemporaryFolder root;
  for (const char* name : {"cifar10", "cifar100"}) {
    expect_error(ErrorKind::io, {std::string("quench data fetch ") + name, root.path().string()},
                 [&] { open(name, root.path()); });
  }
  expect_error(ErrorKind::io, {"apt install dataset-fashion-mnist", "quench data fetch fashion-mnist", "/nowhere"},
               [] { open_fashion_mnist({"/nowhere"}); });
}

TEST(Open, TruncatedOfficialFile) {
  TemporaryFolder root;
  std::string names;
  for (int i = 0; i < 100; ++i) names += "x\n";
  write_file(root.path() / "cifar-100-binary/fine_label_names.txt", names);
  write_file(root.path() / "cifar-100-binary/train.bin", std::string(3074 * 10, '\0'));
  expect_error(ErrorKind::data, {"train.bin", "153700000", "30740"}, [&] { open("cifar100", root.path()); });
}

TEST(Open, UnknownNameGivesTheNearest) {
  expect_error(ErrorKind::config, {"cifar1000", "did you mean 'cifar100'"}, [] { open("cifar1000", "/nowhere"); });
  expect_error(ErrorKind::config, {"imagenet22k", "shapes"}, [] { open("imagenet22k", "/nowhere"); });
  expect_error(ErrorKind::io, {"./cifar1000"}, [] { open("./cifar1000", "/nowhere"); });
}

// $QUENCH_DATA/cifar100 is where the set of that name lies, not a set of images to be read as a folder.
TEST(Open, ANameOfOursIsNotAFolderBelowTheRoot) {
  const TemporaryFolder root;
  for (const char* name : {"cifar100", "shapes", "mine"}) std::filesystem::create_directories(root.path() / name);
  EXPECT_EQ(find_file("cifar100", root.path()), "cifar100");
  EXPECT_EQ(find_file("shapes:seed=1", root.path()), "shapes:seed=1");
  EXPECT_EQ(find_file("mine", root.path()), root.path() / "mine");
  EXPECT_EQ(find_file("other", root.path()), "other") << "it is nowhere: as it was said";
  expect_error(ErrorKind::io, {"cifar100", "quench data fetch cifar100"},
               [&] { open(find_file("cifar100", root.path()).string(), root.path()); });
}

TEST(Open, DefaultRoot) {
  EXPECT_EQ(default_root("/data", "/home/me"), "/data");
  EXPECT_EQ(default_root(nullptr, "/home/me"), "/home/me/.cache/quench");
  EXPECT_EQ(default_root("", "/home/me"), "/home/me/.cache/quench");
}

std::string big_endian(uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 255);
  return out;
}

std::string idx_images(int count) {
  std::string bytes = big_endian(0x803) + big_endian(static_cast<uint32_t>(count)) + big_endian(28) + big_endian(28);
  for (int i = 0; i < count * 28 * 28; ++i) bytes += static_cast<char>(i % 251);
  return bytes;
}

std::string idx_labels(int count) {
  std::string bytes = big_endian(0x801) + big_endian(static_cast<uint32_t>(count));
  for (int i = 0; i < count; ++i) bytes += static_cast<char>(9 - i % 10);
  return bytes;
}

void write_gzip(const fs::path& path, const std::string& bytes) {
  gzFile file = gzopen(path.c_str(), "wb");
  ASSERT_TRUE(file);
  ASSERT_EQ(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())), static_cast<int>(bytes.size()));
  gzclose(file);
}

class Idx : public ::testing::Test {
 protected:
  void SetUp() override {
    write_file(root_.path() / "train-images-idx3-ubyte", idx_images(4));
    write_file(root_.path() / "train-labels-idx1-ubyte", idx_labels(4));
    write_gzip(root_.path() / "t10k-images-idx3-ubyte.gz", idx_images(2));
    write_gzip(root_.path() / "t10k-labels-idx1-ubyte.gz", idx_labels(2));
  }
  Splits open() { return open_fashion_mnist({root_.path() / "no", root_.path()}); }
  TemporaryFolder root_;
};

TEST_F(Idx, ReadsPlainAndGzip) {
  const Splits splits = open();
  EXPECT_EQ(splits.train->size(), 4);
  EXPECT_EQ(splits.test->size(), 2);
  EXPECT_EQ(splits.train->classes().size(), 10);
  EXPECT_EQ(splits.test->label(1), 8);
  const Sample sample = splits.test->at(1);
  EXPECT_EQ(sample.pixels.shape(), (Shape{28, 28, 3}));
  for (int i = 0; i < 28 * 28; ++i) {
    for (int c = 0; c < 3; ++c) ASSERT_EQ(sample.pixels.values<uint8_t>()[3 * i + c], (784 + i) % 251);
  }
}

TEST_F(Idx, BadFilesAreNamed) {
  const fs::path images = root_.path() / "train-images-idx3-ubyte";
  write_file(images, idx_images(4).substr(0, 1000));
  expect_error(ErrorKind::data, {images.string(), "3136", "984"}, [&] { open(); });
  write_file(images, idx_labels(4));
  expect_error(ErrorKind::data, {images.string(), "magic", "header"}, [&] {
    try {
      open();
    } catch (const Error& error) {  // too short for a header of rank 3, or another magic number: either names it
      throw Error(error.kind(), std::string(error.what()) + " magic header");
    }
  });
  write_file(images, "\x1f\x8b");
  expect_error(ErrorKind::data, {images.string()}, [&] { open(); });
  write_file(images, idx_images(3));
  expect_error(ErrorKind::data, {"train-labels-idx1-ubyte", "expected 3 labels", "got 4"}, [&] { open(); });
  write_file(images, idx_images(4));
  std::string labels = idx_labels(4);
  labels[10] = 10;
  write_file(root_.path() / "train-labels-idx1-ubyte", labels);
  expect_error(ErrorKind::data, {"train-labels-idx1-ubyte", "[0,9]", "got 10", "record 2", "offset 10"},
               [&] { open(); });
  fs::remove(root_.path() / "train-labels-idx1-ubyte");
  expect_error(ErrorKind::io, {"train-labels-idx1-ubyte"}, [&] { open(); });
}

TEST_F(Idx, TruncatedGzip) {
  const fs::path images = root_.path() / "t10k-images-idx3-ubyte.gz";
  const std::string whole = read_file(images);
  for (size_t size : {size_t{5}, whole.size() / 2, whole.size() - 3}) {
    write_file(images, whole.substr(0, size));
    expect_error(ErrorKind::data, {images.string()}, [&] { open(); });
  }
}

TEST(Shapes, ArePureFunctionsOfTheIndex) {
  const Splits a = open("shapes", "/nowhere"), b = open("shapes", "/nowhere");
  EXPECT_EQ(a.train->size(), 5000);
  EXPECT_EQ(a.test->size(), 1000);
  ASSERT_EQ(a.train->classes().size(), 10);
  std::vector<int> per_class(10);
  for (int64_t i = 0; i < 1000; ++i) ++per_class[static_cast<size_t>(a.test->label(i))];
  EXPECT_EQ(per_class, std::vector<int>(10, 100));
  Sample from_thread;
  std::thread thread([&] { from_thread = a.train->at(17); });
  const Sample here = b.train->at(17);
  thread.join();
  EXPECT_EQ(from_thread.pixels, here.pixels);
  EXPECT_EQ(from_thread.label, here.label);
  EXPECT_FALSE(a.train->at(7).pixels == a.test->at(7).pixels);
  EXPECT_FALSE(a.train->at(7).pixels == a.train->at(17).pixels);
  EXPECT_FALSE(a.train->at(7).pixels == open_shapes({64, 5000, 1000, 1}).train->at(7).pixels);
  EXPECT_NE(a.train->digest(), a.test->digest());
  EXPECT_EQ(a.train->digest(), b.train->digest());
  expect_error(ErrorKind::config, {"imgsz"}, [] { open_shapes({4, 1, 1, 0}); });
}

class Folder : public ::testing::Test {
 protected:
  void SetUp() override {  // shapes drawn to PNG by the contact sheet are real encoded images
    png_ = contact_sheet(*open_shapes().train, 1, 1);
    for (const char* file : {"train/cat/b.png", "train/cat/a.PNG", "train/ant/x.jpg", "train/ant/notes.txt",
                             "val/cat/1.png", "val/ant/deep/2.jpeg"}) {
      write_file(root_.path() / file, png_);
    }
  }
  TemporaryFolder root_;
  std::string png_;
};

TEST_F(Folder, ReadsSortedClassesAndFiles) {
  const Splits splits = open(root_.path().string(), "/nowhere");
  EXPECT_EQ(splits.name, root_.path().filename());
  EXPECT_EQ(splits.train->classes(), (std::vector<std::string>{"ant", "cat"}));
  ASSERT_EQ(splits.train->size(), 3);
  ASSERT_EQ(splits.test->size(), 2);
  EXPECT_EQ(splits.train->label(0), 0);
  EXPECT_EQ(splits.train->label(2), 1);
  const Sample sample = splits.train->at(0);
  EXPECT_EQ(sample.pixels.shape(), (Shape{64 + 14 + 8, 64 + 8, 3}));
  // The tile at (4,4) is the drawn image itself, channels in RGB order.
  const Tensor drawn = open_shapes().train->at(0).pixels;
  for (int y = 0; y < 64; ++y) {
    ASSERT_EQ(0, std::memcmp(sample.pixels.values<uint8_t>().data() + 3 * ((y + 4) * 72 + 4),
                             drawn.values<uint8_t>().data() + 3 * 64 * y, 3 * 64));
  }
  const std::string before = splits.train->digest();
  write_file(root_.path() / "train/cat/b.png", png_ + "x");
  EXPECT_NE(open(root_.path().string(), "").train->digest(), before);
  write_file(root_.path() / "test/cat/1.png", png_);
  EXPECT_EQ(open(root_.path().string() + "/", "").test->size(), 1) << "test/ comes before val/";
}

TEST_F(Folder, ImagesAreDecodedOnce) {
  const Splits splits = open(root_.path().string(), "");
  const Tensor first = splits.train->at(0).pixels;
  std::filesystem::remove_all(root_.path() / "train");
  EXPECT_EQ(splits.train->at(0).pixels, first);
  expect_error(ErrorKind::io, {"train"}, [&] { splits.train->at(1); });
}

TEST_F(Folder, HiddenFilesAndFoldersAreNoData) {
  const std::string path = root_.path().string(), before = open(path, "").train->digest();
  write_file(root_.path() / "train/cat/._a.png", png_);
  write_file(root_.path() / "train/cat/.ipynb_checkpoints/a.png", png_);
  write_file(root_.path() / "train/.DS_Store", "x");
  EXPECT_EQ(open(path, "").train->size(), 3);
  EXPECT_EQ(open(path, "").train->digest(), before);
}

TEST_F(Folder, TiffIsReadAndOtherKindsAreCounted) {
  const cv::Mat red(4, 6, CV_8UC3, cv::Scalar(0, 0, 255));
  ASSERT_TRUE(cv::imwrite((root_.path() / "train/cat/c.TIF").string(), red));
  write_file(root_.path() / "train/cat/d.gif", "GIF89a");
  const Splits splits = open(root_.path().string(), "");
  ASSERT_EQ(splits.train->size(), 4);
  const Sample sample = splits.train->at(3);
  EXPECT_EQ(sample.pixels.shape(), (Shape{4, 6, 3}));
  EXPECT_EQ(sample.pixels.values<uint8_t>()[0], 255);
  ASSERT_EQ(splits.train->issues().size(), 1u);
  EXPECT_NE(splits.train->issues()[0].file.find("d.gif"), std::string::npos);
}

TEST(Validation, IsASeededShareThatLeavesTheTrainingImages) {
  const Splits splits = open_shapes({24, 50, 10, 0}), held = with_validation(splits, 0.1, 3);
  ASSERT_TRUE(held.validation);
  EXPECT_EQ(held.validation->size(), 5);
  EXPECT_EQ(held.train->size(), 45);
  std::set<std::string> seen;
  for (const auto& split : {held.train, held.validation}) {
    for (int64_t i = 0; i < split->size(); ++i) {
      const Sample sample = split->at(i);
      const auto pixels = sample.pixels.values<uint8_t>();
      seen.emplace(pixels.begin(), pixels.end());
    }
  }
  EXPECT_EQ(seen.size(), 50u) << "each image is in one split";
  EXPECT_EQ(with_validation(splits, 0.1, 3).validation->digest(), held.validation->digest());
  EXPECT_NE(with_validation(splits, 0.1, 4).validation->digest(), held.validation->digest());
  EXPECT_EQ(with_validation(held, 0.5, 0).train, held.train) << "a validation split that is there is taken";
  EXPECT_NE(digest(held), digest(splits));
  expect_error(ErrorKind::config, {"(0,1)"}, [&] { with_validation(splits, 1, 0); });
}

TEST_F(Folder, ValBesideTestIsTheValidationSplit) {
  EXPECT_FALSE(open(root_.path().string(), "").validation);
  write_file(root_.path() / "test/cat/1.png", png_);
  const Splits splits = open(root_.path().string(), "");
  ASSERT_TRUE(splits.validation);
  EXPECT_EQ(splits.validation->size(), 2);
  EXPECT_EQ(splits.test->size(), 1);
}

TEST_F(Folder, DigestCoversClassNamesAndBothSplits) {
  const std::string path = root_.path().string(), before = digest(open(path, ""));
  const std::string test_before = open(path, "").test->digest();
  EXPECT_EQ(digest(open(path, "")), before);
  write_file(root_.path() / "train/bee/a.png", png_);
  EXPECT_NE(open(path, "").test->digest(), test_before) << "a class more moves the numbers of the others";
  fs::remove_all(root_.path() / "train/bee");
  write_file(root_.path() / "val/cat/1.png", png_ + "x");
  EXPECT_NE(digest(open(path, "")), before);
}

/// Waits until files that were written now are old enough to be remembered.
void let_settle() { std::this_thread::sleep_for(std::chrono::milliseconds(2100)); }

/// Other digests in a memory: who reads it takes them for the files'.
void forge(const fs::path& memory) {
  std::istringstream in(read_file(memory));
  std::string text, line;
  std::getline(in, text);
  while (std::getline(in, line))
    text += "\n" + (line.starts_with("end") ? line : std::string(64, 'f') + line.substr(64));
  write_file(memory, text + "\n");
}

/// Writes over a file in place, of the same size, and puts its time back.
void write_over(const fs::path& file, const std::string& content) {
  ASSERT_EQ(fs::file_size(file), content.size());
  const auto time = fs::last_write_time(file);
  std::ofstream(file, std::ios::in | std::ios::binary) << content;
  fs::last_write_time(file, time);
}

TEST_F(Folder, FilesAreHashedOnceAndATornMemoryIsMadeAgain) {
  TemporaryFolder memory;
  const fs::path file = root_.path() / "train/cat/a.PNG", kept = memory.path() / "file_digests";
  const auto digest_now = [&] { return open(root_.path().string(), memory.path()).train->digest(); };
  const std::string before = digest_now();
  EXPECT_FALSE(fs::exists(kept)) << "too new to be remembered";
  let_settle();
  EXPECT_EQ(digest_now(), before);
  ASSERT_TRUE(fs::exists(kept));
  const std::string memory_text = read_file(kept);
  forge(kept);
  EXPECT_NE(digest_now(), before) << "the memory is asked, not the files";
  write_file(kept, memory_text.substr(0, memory_text.size() - 20));
  EXPECT_EQ(digest_now(), before) << "torn: all files are read again";
  EXPECT_TRUE(read_file(kept).ends_with("end 3\n"));
  std::string other = png_;
  other.back() = static_cast<char>(other.back() ^ 1);
  write_over(file, other);
  EXPECT_NE(digest_now(), before) << "path, size and time are as before, the content is not";
}

TEST_P(Cifar, WhatIsKnownIsReadWhenItIsUsed) {
  const CifarLayout layout = tiny(GetParam());
  TemporaryFolder root;
  write_cifar(layout, root.path());
  const fs::path test_file = root.path() / layout.test_files[0];
  const auto open_now = [&] { return open_cifar(layout, root.path(), std::make_shared<FileDigests>(root.path())); };
  let_settle();
  const Splits first = open_now();
  const std::string train = first.train->digest(), test = first.test->digest();
  Opens opens;
  if (!opens.watch(root.path())) GTEST_SKIP() << "needs inotify watches (fs.inotify.max_user_watches)";
  {
    const Splits again = open_now();
    EXPECT_EQ(again.train->digest(), train);
    EXPECT_EQ(again.test->digest(), test);
    EXPECT_EQ(again.train->size(), first.train->size());
    EXPECT_EQ(opens.take(), (std::map<std::string, int>{{"file_digests", 1}, {layout.names_file, 1}}));
    EXPECT_EQ(again.test->at(1).label, first.test->at(1).label);
    EXPECT_EQ(again.test->label(0), first.test->label(0));
    EXPECT_EQ(opens.take(), (std::map<std::string, int>{{layout.test_files[0], 1}})) << "once, and no other split";
  }
  const Splits before = open_now();
  std::string bytes = read_file(test_file);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write_over(test_file, bytes);
  EXPECT_NE(open_now().test->digest(), test) << "path, size and time are as before, the content is not";
  EXPECT_EQ(open_now().train->digest(), train);
  expect_error(ErrorKind::data, {layout.test_files[0]}, [&] { before.test->at(0); });
}

TEST_F(Folder, BadFoldersAreNamed) {
  const std::string path = root_.path().string();
  write_file(root_.path() / "train/ant/x.jpg", "not an image");
  expect_error(ErrorKind::data, {"train/ant/x.jpg"}, [&] { open(path, "").train->at(0); });
  write_file(root_.path() / "train/ant/x.jpg", png_.substr(0, png_.size() / 2));
  expect_error(ErrorKind::data, {"train/ant/x.jpg", "truncated PNG"}, [&] { open(path, "").train->at(0); });
  write_file(root_.path() / "train/ant/x.jpg", "");
  expect_error(ErrorKind::data, {"train/ant/x.jpg"}, [&] { open(path, "").train->at(0); });
  fs::remove(root_.path() / "train/ant/x.jpg");
  expect_error(ErrorKind::data, {"train/ant"}, [&] { open(path, ""); });
  fs::remove_all(root_.path() / "train/ant");
  expect_error(ErrorKind::data, {"'ant'", "val"}, [&] { open(path, ""); });
  fs::remove_all(root_.path() / "val");
  expect_error(ErrorKind::io, {"val/", path}, [&] { open(path, ""); });
  expect_error(ErrorKind::io, {path + "/nothing"}, [&] { open(path + "/nothing", ""); });
}

TEST(Subsets, CalibrationIsSeededSortedAndHashed) {
  const Splits splits = open_shapes();
  const Subset a = calibration_subset(*splits.train, 100, 7);
  EXPECT_EQ(a.indices.size(), 100);
  EXPECT_TRUE(std::is_sorted(a.indices.begin(), a.indices.end()));
  EXPECT_EQ(std::set<int64_t>(a.indices.begin(), a.indices.end()).size(), 100);
  EXPECT_EQ(a.sha256, calibration_subset(*splits.train, 100, 7).sha256);
  EXPECT_NE(a.sha256, calibration_subset(*splits.train, 100, 8).sha256);
  EXPECT_NE(a.sha256, calibration_subset(*splits.train, 99, 7).sha256);
  EXPECT_EQ(calibration_subset(*splits.test, 1'000'000, 7).indices.size(), 1000);
  expect_error(ErrorKind::config, {"got 0"}, [&] { calibration_subset(*splits.train, 0, 0); });
  expect_error(ErrorKind::config, {"got -1"}, [&] { calibration_subset(*splits.train, -1, 0); });
}

TEST(Subsets, LimitedIsAViewOfAShuffle) {
  const Splits splits = open_shapes();
  const auto view = limited(splits.train, 50, 3);
  ASSERT_EQ(view->size(), 50);
  EXPECT_EQ(view->classes(), splits.train->classes());
  EXPECT_EQ(view->at(49).label, view->label(49));
  EXPECT_NE(view->digest(), splits.train->digest());
  EXPECT_NE(view->digest(), limited(splits.train, 50, 4)->digest());
  EXPECT_EQ(limited(splits.train, 0, 3), splits.train);
  EXPECT_EQ(limited(splits.train, 5000, 3), splits.train);
  const auto first = first_images(splits.test, 10);
  ASSERT_EQ(first->size(), 10);
  EXPECT_EQ(first->at(3).pixels, splits.test->at(3).pixels);
  EXPECT_EQ(first_images(splits.test, 0), splits.test);
  expect_error(ErrorKind::config, {"-2"}, [&] { limited(splits.train, -2, 0); });
  expect_error(ErrorKind::config, {"-2"}, [&] { first_images(splits.train, -2); });
}

TEST(Catalog, ListsEverySetAndWhereItIs) {
  TemporaryFolder root;
  write_file(root.path() / "cifar-10-batches-bin/data_batch_1.bin", "x");
  const auto entries = catalog(root.path());
  std::vector<std::string> names;
  for (const auto& entry : entries) names.push_back(entry.name);
  EXPECT_EQ(names, built_in_names());
  EXPECT_EQ(entries[0].found, "");
  EXPECT_EQ(entries[1].found, (root.path() / "cifar-10-batches-bin").string());
  EXPECT_EQ(entries[3].found, "built in");
}

TEST(Catalog, ContactSheetIsAPngOfTheRightSize) {
  TemporaryFolder root;
  write_file(root.path() / "sheet.png", contact_sheet(*open_shapes().test, 7, 3));
  EXPECT_EQ(read_image(root.path() / "sheet.png").shape(), (Shape{3 * 82 + 4, 3 * 68 + 4, 3}));
  expect_error(ErrorKind::config, {"got 0"}, [] { contact_sheet(*open_shapes().test, 0, 3); });
}

}  // namespace
}  // namespace quench::data
