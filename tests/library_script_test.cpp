// examples/from-pictures-to-board.sh: from a folder as Roboflow exports it and released weights to the same boxes by
// the agent and by the library.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "library_testing.h"

namespace {

namespace fs = std::filesystem;
using library_testing::Outcome;

const fs::path kReleased = QUENCH_SOURCE_DIR "/../shared/data/weights/yolov5n.pt";

struct Object {
  int label = 0;  // 0: a ball, red; 1: a box, blue
  double x = 0, y = 0, radius = 0;
};

/// Objects on a quiet ground of stripes.
std::vector<uint8_t> draw(const std::vector<Object>& objects, int height, int width) {
  std::vector<uint8_t> pixels(static_cast<size_t>(3 * height * width));
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      uint8_t* pixel = &pixels[static_cast<size_t>(3 * (y * width + x))];
      for (int c = 0; c < 3; ++c) pixel[c] = static_cast<uint8_t>(110 + (x / 9 + y / 13 + c) % 5 * 12);
      for (const Object& object : objects) {
        const double dx = x - object.x, dy = y - object.y, r = object.radius;
        const bool inside = object.label == 0 ? dx * dx + dy * dy < r * r : std::abs(dx) < r && std::abs(dy) < r;
        if (!inside) continue;
        pixel[object.label == 0 ? 0 : 2] = 230;
        pixel[1] = pixel[object.label == 0 ? 2 : 0] = 25;
      }
    }
  }
  return pixels;
}

/// One split: picture `i` has a ball, a box, or one of each, apart from each other, and a name as Roboflow gives it.
void write_split(const fs::path& folder, int pictures, int first) {
  fs::create_directories(folder / "images");
  fs::create_directories(folder / "labels");
  for (int i = first; i < first + pictures; ++i) {
    const int width = 200, height = i % 2 == 0 ? 200 : 150;
    const double radius = 24 + 3 * (i % 6);
    std::vector<Object> objects;
    if (i % 3 != 1) objects.push_back({0, 52 + 2.0 * (i % 5), height / 2.0 + i % 4 * 4, radius});
    if (i % 3 != 0) objects.push_back({1, 146 - 2.0 * (i % 4), height / 2.0 - i % 5 * 3, radius});
    const std::string name = "scene_" + std::to_string(i) + "_jpg.rf." + std::string(8, static_cast<char>('a' + i % 6));
    library_testing::write_picture_file((folder / "images" / (name + ".jpg")).string(), draw(objects, height, width),
                                        height, width);
    std::ostringstream rows;
    for (const Object& object : objects) {
      rows << object.label << ' ' << object.x / width << ' ' << object.y / height << ' ' << 2 * object.radius / width
           << ' ' << 2 * object.radius / height << '\n';
    }
    library_testing::write((folder / "labels" / (name + ".txt")).string(), rows.str());
  }
}

TEST(FromPicturesToBoard, TheAgentAndTheLibrarySeeTheSameBoxes) {
  if (!fs::exists(kReleased)) GTEST_SKIP() << "no released weights of yolov5n beside the project";
  const fs::path folder = fs::temp_directory_path() / ("quench-script-" + std::to_string(::getpid()));
  const Outcome installed =
      library_testing::run("cmake --install " QUENCH_BINARY_DIR " --prefix " + (folder / "usr").string());
  ASSERT_EQ(installed.code, 0) << installed.out;
  const fs::path data = folder / "fruit of ours";  // names may have blanks
  write_split(data / "train", 14, 0);
  write_split(data / "valid", 4, 14);
  write_split(data / "test", 2, 18);
  library_testing::write((data / "data.yaml").string(),
                         "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 2\n"
                         "names: ['ball', 'box']\n\nroboflow:\n  project: fruit\n  version: 1\n");
  const Outcome outcome = library_testing::run(
      "export PATH=" + (folder / "usr/bin").string() +
      ":$PATH IMGSZ=160 EPOCHS=16 OMP_NUM_THREADS=1; " QUENCH_SOURCE_DIR "/examples/from-pictures-to-board.sh '" +
      (data / "data.yaml").string() + "' " + kReleased.string() + " " + (folder / "out").string());
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  std::istringstream lines(library_testing::read((folder / "out/agent.tsv").string()));
  int boxes = 0, good = 0;
  for (std::string line; std::getline(lines, line); ++boxes) good += line.find(".jpg\t") != std::string::npos;
  EXPECT_GE(boxes, 2) << outcome.out;
  EXPECT_EQ(good, boxes);
  EXPECT_NE(outcome.out.find("the agent and the library agree on " + std::to_string(boxes) + " boxes"),
            std::string::npos)
      << outcome.out;
  int drawn = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder / "out/drawn")) ++drawn;
  EXPECT_EQ(drawn, 4);
  fs::remove_all(folder);
}

}  // namespace
