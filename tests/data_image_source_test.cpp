// Where images come from and go to: image files, folders, videos.
#include <algorithm>
#include <cmath>

#include "core/rng.h"
#include "data/pictures/image_file.h"
#include "data/pictures/image_source.h"
#include "data/pictures/video.h"
#include "data/sets/image_folder.h"
#include "data_testing.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;
using quench::testing::expect_error;
using quench::testing::TemporaryFolder;

/// Soft colours, so that lossy codecs keep them: red grows to the right, green downwards, blue is `blue`.
Tensor gradient(int height, int width, uint8_t blue = 60) {
  Tensor pixels(DType::u8, {height, width, 3});
  uint8_t* out = pixels.mutable_values<uint8_t>().data();
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x, out += 3) {
      out[0] = static_cast<uint8_t>(40 + 160 * x / width);
      out[1] = static_cast<uint8_t>(40 + 160 * y / height);
      out[2] = blue;
    }
  }
  return pixels;
}

double mean_difference(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  double sum = 0;
  const auto x = a.values<uint8_t>(), y = b.values<uint8_t>();
  for (size_t i = 0; i < std::min(x.size(), y.size()); ++i) sum += std::abs(int{x[i]} - int{y[i]});
  return sum / static_cast<double>(std::max<size_t>(1, x.size()));
}

TEST(ImageFile, WhatIsWrittenIsRead) {
  TemporaryFolder folder;
  const Tensor pixels = gradient(37, 53);
  for (const char* name : {"a.png", "deep/er/a.bmp", "A.PNG"}) {
    write_image(folder.path() / name, pixels);
    EXPECT_EQ(read_image(folder.path() / name), pixels) << name;
  }
  for (const char* name : {"a.jpg", "a.JPEG"}) {
    write_image(folder.path() / name, pixels);
    EXPECT_LT(mean_difference(read_image(folder.path() / name), pixels), 3) << name;
  }
}

TEST(ImageFile, ErrorsNameTheFile) {
  TemporaryFolder folder;
  const Tensor pixels = gradient(4, 4);
  expect_error(ErrorKind::config, {"png", "a.gif"}, [&] { write_image(folder.path() / "a.gif", pixels); });
  expect_error(ErrorKind::io, {"/proc/none"}, [&] { write_image("/proc/none/a.png", pixels); });
  expect_error(ErrorKind::internal, {"float32"}, [&] { write_image(folder.path() / "a.png", Tensor()); });
  expect_error(ErrorKind::data, {"a.jpg", "70000"}, [&] {
    write_image(folder.path() / "a.jpg", Tensor(DType::u8, {70000, 1, 3}));
  });
}

std::vector<std::string> names_of(ImageSource& source) {
  std::vector<std::string> names;
  while (auto image = source.next()) {
    EXPECT_EQ(image->frame, -1);
    names.push_back(image->name);
  }
  return names;
}

TEST(ImageSource, AFolderGivesItsImagesByPath) {
  TemporaryFolder folder;
  for (const char* name : {"b.png", "a/z.PNG", "a/y.jpg", ".hidden.png", ".git/c.png", "out/b.png"}) {
    write_image(folder.path() / name, gradient(8, 8));
  }
  write_file(folder.path() / "notes.txt", "no image");
  const std::vector<std::string> wanted{"a/y.jpg", "a/z.PNG", "b.png"};
  const auto source = open_source(folder.path().string(), folder.path() / "out");
  EXPECT_EQ(source->kind(), ImageSource::Kind::images);
  EXPECT_EQ(source->count(), 3);
  EXPECT_EQ(source->names(), wanted);
  EXPECT_EQ(names_of(*source), wanted);
  EXPECT_EQ(names_of(*open_source(folder.path().string() + "/", folder.path() / "out")), wanted);
  EXPECT_EQ(open_source(folder.path().string())->count(), 4) << "without `except`";
}

TEST(ImageSource, OneImage) {
  TemporaryFolder folder;
  write_image(folder.path() / "7.png", gradient(5, 9));
  const auto source = open_source((folder.path() / "7.png").string());
  EXPECT_EQ(source->count(), 1);
  const auto image = source->next();
  ASSERT_TRUE(image);
  EXPECT_EQ(image->name, "7.png");
  EXPECT_EQ(image->pixels, gradient(5, 9));
  EXPECT_FALSE(source->next());
}

TEST(ImageSource, ABrokenImageIsToldAndTheNextFollows) {
  TemporaryFolder folder;
  write_image(folder.path() / "a.png", gradient(8, 8));
  write_file(folder.path() / "b.png", "no picture");
  write_image(folder.path() / "c.png", gradient(8, 8));
  const auto source = open_source(folder.path().string());
  EXPECT_TRUE(source->next());
  expect_error(ErrorKind::data, {"b.png"}, [&] { source->next(); });
  const auto last = source->next();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->name, "c.png");
  EXPECT_FALSE(source->next());
}

TEST(ImageSource, SaysWhatIsMissing) {
  TemporaryFolder folder;
  expect_error(ErrorKind::config, {"nowhere.jpg", "folder", "video", "camera"}, [] { open_source("nowhere.jpg"); });
  expect_error(ErrorKind::config, {"got ''"}, [] { open_source(""); });
  expect_error(ErrorKind::config, {"12345"}, [] { open_source("12345"); });
  expect_error(ErrorKind::data, {"none", folder.path().string()}, [&] { open_source(folder.path().string()); });
  if (!video_support().available) GTEST_SKIP() << video_support().reason;
  write_file(folder.path() / "clip.mp4", "this is no video");
  expect_error(ErrorKind::data, {"clip.mp4"}, [&] { open_source((folder.path() / "clip.mp4").string()); });
  if (!fs::exists("/dev/video977")) {
    expect_error(ErrorKind::io, {"camera 977"}, [] { open_source("977"); });
  }
}

TEST(Video, WithoutVideoioItSaysSo) {
  if (video_support().available) GTEST_SKIP() << "this build has videoio";
  EXPECT_NE(video_support().reason.find("videoio"), std::string::npos);
  expect_error(ErrorKind::unsupported, {"videoio"}, [] { VideoReader reader(0); });
  expect_error(ErrorKind::unsupported, {"videoio"}, [] { VideoWriter writer("a.avi", 25, 8, 8); });
}

class VideoFormat : public ::testing::TestWithParam<const char*> {};

TEST_P(VideoFormat, FramesComeBack) {
  if (!video_support().available) GTEST_SKIP() << video_support().reason;
  TemporaryFolder folder;
  const fs::path path = folder.path() / "new" / (std::string("clip.v2") + GetParam());
  constexpr int kFrames = 12;
  fs::path made;
  try {
    VideoWriter writer(path, 10, 96, 128);
    made = writer.path();
    for (int i = 0; i < kFrames; ++i) writer.add(gradient(96, 128, static_cast<uint8_t>(20 * i)));
    EXPECT_FALSE(fs::exists(made)) << "before it is whole";
    writer.finish();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::unsupported) GTEST_SKIP() << error.what();
    throw;
  }
  if (*GetParam()) {
    EXPECT_EQ(made, path);
  } else {
    EXPECT_TRUE(made.string().starts_with(path.string() + ".")) << made;
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(made.parent_path()), fs::directory_iterator{}), 1);

  const auto source = open_source(made.string());
  EXPECT_EQ(source->kind(), ImageSource::Kind::video);
  EXPECT_EQ(source->count(), kFrames);
  EXPECT_NEAR(source->frames_per_second(), 10, 0.01);
  for (int i = 0; i < kFrames; ++i) {
    const auto image = source->next();
    ASSERT_TRUE(image) << i;
    EXPECT_EQ(image->frame, i);
    EXPECT_EQ(image->name, made.filename());
    EXPECT_LT(mean_difference(image->pixels, gradient(96, 128, static_cast<uint8_t>(20 * i))), 6) << i;
  }
  EXPECT_FALSE(source->next());
}

INSTANTIATE_TEST_SUITE_P(Video, VideoFormat, ::testing::Values(".avi", ".mp4", ""));

TEST(Video, AnUnfinishedOneLeavesNothing) {
  if (!video_support().available) GTEST_SKIP() << video_support().reason;
  TemporaryFolder folder;
  {
    VideoWriter writer(folder.path() / "clip.avi", 10, 32, 32);
    writer.add(gradient(32, 32));
    expect_error(ErrorKind::data, {"[32,32,3]", "clip.avi"}, [&] { writer.add(gradient(32, 33)); });
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
  expect_error(ErrorKind::io, {"/proc/none"}, [] { VideoWriter writer("/proc/none/clip.avi", 10, 32, 32); });
}

// Bytes of a video changed at random: frames or an Error, never a crash.
TEST(Video, DamagedFilesDoNotCrash) {
  if (!video_support().available) GTEST_SKIP() << video_support().reason;
  TemporaryFolder folder;
  {
    VideoWriter writer(folder.path() / "clip.avi", 10, 32, 48);
    for (int i = 0; i < 4; ++i) writer.add(gradient(32, 48));
    writer.finish();
  }
  const std::string whole = read_file(folder.path() / "clip.avi");
  Rng rng(3, "damage");
  for (int round = 0; round < 25; ++round) {
    std::string bytes = whole.substr(0, round % 3 ? whole.size() : rng.below(whole.size()));
    for (int i = 0; i < 20 && !bytes.empty(); ++i) bytes[rng.below(bytes.size())] = static_cast<char>(rng.below(256));
    write_file(folder.path() / "bad.avi", bytes);
    try {
      const auto source = open_source((folder.path() / "bad.avi").string());
      for (int i = 0; i < 16 && source->next(); ++i) {
      }
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data) << error.what();
    }
  }
}

}  // namespace
}  // namespace quench::data
