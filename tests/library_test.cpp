// libquench as another program sees it: its headers, its shared library, and `quench predict` beside it.
#include <gtest/gtest.h>
#include <quench/quench.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>
#include <thread>

#include "library_testing.h"

namespace {

namespace fs = std::filesystem;
using library_testing::Row;

class Library : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = fs::temp_directory_path() / ("quench-library-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    library_testing::write_models(folder_.string());
  }
  static void TearDownTestSuite() { fs::remove_all(folder_); }

  static std::string path(const std::string& name) { return (folder_ / name).string(); }
  static quench::ImageView view(const std::vector<uint8_t>& pixels, int height, int width) {
    return quench::ImageView(pixels.data(), height, width);
  }
  static std::vector<Row> rows(quench::Model& model, const quench::ImageView& image) {
    std::vector<Row> out;
    if (model.task() == quench::Task::detect) {
      for (const quench::Detection& found : model.detect(image)) {
        out.push_back(library_testing::row(model.class_name(found.label), found.score, found.box.x1, found.box.y1,
                                           found.box.x2, found.box.y2));
      }
    } else {
      for (const quench::ClassScore& likely : model.classify(image)) {
        out.push_back(library_testing::row(model.class_name(likely.label), likely.score));
      }
    }
    return out;
  }
  /// That a call throws quench::Error of a kind, with a part of its message.
  template <typename Call>
  static void expect_error(quench::ErrorKind kind, const std::string& part, const Call& call) {
    try {
      call();
      ADD_FAILURE() << "expected an error with: " << part;
    } catch (const quench::Error& error) {
      EXPECT_EQ(error.kind(), kind) << quench::to_string(error.kind());
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  }

  inline static fs::path folder_;
};

#ifdef QUENCH_LAB
TEST_F(Library, AnswersAreThoseOfQuenchPredict) {
  struct Size {
    int height, width;
  };
  const std::vector<Size> sizes{{64, 64}, {48, 111}, {300, 201}, {128, 128}, {1, 7}, {17, 17}};
  std::vector<std::vector<uint8_t>> pictures;
  for (const Size& size : sizes) {
    pictures.push_back(library_testing::picture(size.height, size.width, pictures.size()));
    library_testing::write_picture_file(path("in/" + std::to_string(pictures.size()) + ".png"), pictures.back(), size.height,
                               size.width);
  }
  size_t boxes = 0;
  for (const char* name :
       {"detector.onnx", "detector-int8.onnx", "classifier.onnx", "classifier-int8.onnx", "classifier-prepared.onnx"}) {
    quench::Model model(path(name));
    const auto said = library_testing::run(QUENCH_PROGRAM " predict " + path(name) + " --source " + path("in") +
                                           " --runtime native --save none --format jsonl 2>/dev/null");
    ASSERT_EQ(said.code, 0) << said.out;
    std::istringstream lines(said.out);
    for (size_t i = 0; i < sizes.size(); ++i) {
      std::string line;
      ASSERT_TRUE(std::getline(lines, line));
      const std::vector<Row> ours = rows(model, view(pictures[i], sizes[i].height, sizes[i].width));
      EXPECT_EQ(ours, library_testing::predicted(line)) << name << " " << sizes[i].height << "x" << sizes[i].width;
      boxes += ours.size();
    }
  }
  EXPECT_GT(boxes, 84u);  // 4 classes each of 18 pictures, and boxes
  quench::Model own(path("classifier-own.onnx")), prepared(path("classifier-prepared.onnx"));
  EXPECT_NE(rows(own, view(pictures[2], 300, 201)), rows(prepared, view(pictures[2], 300, 201)));
}
#endif

TEST_F(Library, SaysWhatAModelIs) {
  quench::Model model(path("detector-int8.onnx"), [] {
    quench::ModelOptions options;
    options.threads = 1;
    return options;
  }());
  EXPECT_EQ(model.task(), quench::Task::detect);
  EXPECT_EQ(model.classes(), (std::vector<std::string>{"cup", "jug"}));
  EXPECT_EQ(model.class_name(1), "jug");
  EXPECT_EQ(model.class_name(2), "2");
  EXPECT_EQ(model.class_name(-1), "-1");
  EXPECT_EQ(model.input_height(), 64);
  EXPECT_EQ(model.input_width(), 64);
  EXPECT_TRUE(model.quantized());
  EXPECT_FALSE(quench::Model(path("detector.onnx")).quantized());
  EXPECT_FALSE(model.notes().empty());
  EXPECT_EQ(model.times().inference_ns, 0);
  model.detect(view(library_testing::picture(9, 9, 0), 9, 9));
  EXPECT_GT(model.times().inference_ns, 0);
  EXPECT_EQ(quench::Model(path("classifier.onnx")).task(), quench::Task::classify);
  EXPECT_EQ(quench::version().rfind(std::to_string(QUENCH_VERSION_MAJOR) + "." + std::to_string(QUENCH_VERSION_MINOR) +
                                        "." + std::to_string(QUENCH_VERSION_PATCH),
                                    0),
            0u)
      << quench::version();
}

TEST_F(Library, BytesRowsAndOrdersAreThePictureToo) {
  const std::string bytes = library_testing::read(path("detector.onnx"));
  quench::Model from_file(path("detector.onnx"));
  quench::Model moved(bytes.data(), bytes.size());
  quench::Model model = std::move(moved);
  const int height = 20, width = 33;
  const std::vector<uint8_t> pixels = library_testing::picture(height, width, 4);
  const std::vector<Row> expected = rows(from_file, view(pixels, height, width));
  ASSERT_FALSE(expected.empty());
  EXPECT_EQ(rows(model, view(pixels, height, width)), expected);

  const std::ptrdiff_t row_bytes = 3 * width + 13;
  std::vector<uint8_t> padded(static_cast<size_t>(row_bytes * height)), swapped = pixels;
  for (int y = 0; y < height; ++y) {
    std::copy_n(pixels.begin() + y * 3 * width, 3 * width, padded.begin() + y * row_bytes);
  }
  for (size_t i = 0; i < swapped.size(); i += 3) std::swap(swapped[i], swapped[i + 2]);
  EXPECT_EQ(rows(model, quench::ImageView(padded.data(), height, width, row_bytes)), expected);
  EXPECT_EQ(rows(model, quench::ImageView(swapped.data(), height, width, 0, quench::PixelOrder::bgr)), expected);
  EXPECT_NE(rows(model, view(swapped, height, width)), expected);
}

TEST_F(Library, OptionsChooseWhatIsFound) {
  quench::Model model(path("detector.onnx"));
  const std::vector<uint8_t> pixels = library_testing::picture(40, 60, 2);
  const quench::ImageView image = view(pixels, 40, 60);
  const std::vector<quench::Detection> all = model.detect(image);
  ASSERT_GT(all.size(), 2u);
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_GT(all[i].score, 0.25f);
    EXPECT_LE(all[i].box.x2, 60);
    EXPECT_LE(all[i].box.y2, 40);
    if (i > 0) {
      EXPECT_LE(all[i].score, all[i - 1].score);
    }
  }
  quench::DetectOptions options;
  options.max_detections = 2;
  EXPECT_EQ(model.detect(image, options).size(), 2u);
  options.max_detections = 300;
  options.confidence = all[1].score;  // to be exceeded
  const std::vector<quench::Detection> best = model.detect(image, options);
  ASSERT_EQ(best.size(), 1u);
  EXPECT_EQ(best[0].score, all[0].score);
  EXPECT_EQ(model.detect(image).size(), all.size());

  quench::Model classifier(path("classifier.onnx"));
  EXPECT_EQ(classifier.classify(image, 1).size(), 1u);
  EXPECT_EQ(classifier.classify(image).size(), 4u);
  double sum = 0;
  for (const quench::ClassScore& likely : classifier.classify(image, 100)) sum += likely.score;
  EXPECT_NEAR(sum, 1, 1e-6);
}

TEST_F(Library, BadCallsAreErrors) {
  using Kind = quench::ErrorKind;
  expect_error(Kind::io, "none.onnx", [] { quench::Model model(path("none.onnx")); });
  library_testing::write(path("bad.onnx"), "no model");
  expect_error(Kind::data, "bad.onnx", [] { quench::Model model(path("bad.onnx")); });
  const std::string bytes = library_testing::read(path("classifier.onnx"));
  expect_error(Kind::data, "model in memory", [&] { quench::Model model(bytes.data(), bytes.size() / 2); });
  quench::ModelOptions options;
  options.threads = -1;
  expect_error(Kind::config, "threads", [&] { quench::Model model(path("classifier.onnx"), options); });

  const std::vector<uint8_t> pixels(300);
  quench::Model detector(path("detector.onnx")), classifier(path("classifier.onnx"));
  expect_error(Kind::config, "use detect()", [&] { detector.classify(view(pixels, 10, 10)); });
  expect_error(Kind::config, "use classify()", [&] { classifier.detect(view(pixels, 10, 10)); });
  expect_error(Kind::config, "top_k", [&] { classifier.classify(view(pixels, 10, 10), 0); });
  quench::DetectOptions wrong;
  wrong.iou = 2;
  expect_error(Kind::config, "iou in [0,1], got 2", [&] { detector.detect(view(pixels, 10, 10), wrong); });
  expect_error(Kind::data, "0x10", [&] { detector.detect(view(pixels, 0, 10)); });
  expect_error(Kind::data, "70000", [&] { detector.detect(view(pixels, 1, 70000)); });
  expect_error(Kind::data, "without data", [&] { detector.detect(quench::ImageView(nullptr, 10, 10)); });
  expect_error(Kind::data, "30 bytes or more, got 29",
               [&] { detector.detect(quench::ImageView(pixels.data(), 10, 10, 29)); });
  detector.detect(view(pixels, 10, 10));  // still of use
}

TEST_F(Library, ModelsOfDifferentThreadsDoNotMeet) {
  const std::vector<uint8_t> pixels = library_testing::picture(50, 70, 3);
  quench::Model alone(path("detector-int8.onnx"));
  const std::vector<Row> expected = rows(alone, view(pixels, 50, 70));
  std::vector<std::vector<Row>> got(3);
  std::vector<std::thread> threads;
  for (std::vector<Row>& out : got) {
    threads.emplace_back([&pixels, &out] {
      quench::Model model(path("detector-int8.onnx"));
      for (int i = 0; i < 5; ++i) out = rows(model, view(pixels, 50, 70));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<Row>& out : got) EXPECT_EQ(out, expected);
}

}  // namespace
