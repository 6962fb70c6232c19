// What `quench predict` writes: forms, files, what happens to broken images and to an interrupted run.
#include <algorithm>
#include <sstream>

#include "core/text.h"
#include "data/pictures/draw_boxes.h"
#include "data/pictures/image_file.h"
#include "data/sets/image_folder.h"
#include "data_testing.h"
#include "inference/predict_run.h"
#include "inference/prediction_files.h"
#include "inference_predict_samples.h"
#include "prediction/form.h"

namespace quench::inference {
namespace {

namespace fs = std::filesystem;
using quench::testing::expect_error;
using quench::testing::TemporaryFolder;

Prediction two_boxes() {
  Prediction prediction;
  prediction.height = 100;
  prediction.width = 200;
  prediction.detections = {{{20, 10, 60, 30}, 0.87f, 2}, {{0, 0, 200, 100}, 0.5f, 0}};
  prediction.preprocess_ns = 1;
  prediction.inference_ns = 2;
  prediction.postprocess_ns = 3;
  return prediction;
}

Prediction two_classes() {
  Prediction prediction;
  prediction.height = prediction.width = 32;
  prediction.top = {{4, 0.75f}, {1, 0.125f}};
  return prediction;
}

TEST(PredictionForm, YoloLinesAreFractions) {
  EXPECT_EQ(yolo_text(two_boxes()),
            "2 0.200000 0.200000 0.200000 0.200000 0.870000\n0 0.500000 0.500000 1.000000 1.000000 0.500000\n");
  EXPECT_EQ(yolo_text(two_classes()), "4 0.750000\n1 0.125000\n");
  EXPECT_EQ(yolo_text(Prediction()), "");
}

TEST(PredictionForm, JsonIsAsInCocoResults) {
  const auto sample = detector();
  const Json found = found_json(two_boxes(), *sample->predictor);
  EXPECT_EQ(found, parse_json(R"([{"category_id":2,"category_name":"big, \"red\" bus","bbox":[20.0,10.0,40.0,20.0],
                                   "score":0.87},
                                  {"category_id":0,"category_name":"cat","bbox":[0.0,0.0,200.0,100.0],"score":0.5}])",
                              "wanted"));
  data::SourceImage image{"a.jpg", -1, {}};
  Json all = to_json(image.name, image.frame, two_boxes(), *sample->predictor);
  EXPECT_EQ(all["frame"], nullptr);
  EXPECT_EQ(all["height"], 100);
  EXPECT_EQ(all["width"], 200);
  EXPECT_EQ(all["detections"], found);
  EXPECT_EQ(all["inference_ns"], 2);
  image.frame = 7;
  EXPECT_EQ(to_json(image.name, image.frame, two_boxes(), *sample->predictor)["frame"], 7);
  const auto classes = classifier();
  EXPECT_EQ(to_json(image.name, image.frame, two_classes(), *classes->predictor)["top"],
            parse_json(R"([{"category_id":4,"category_name":"e","score":0.75},
                           {"category_id":1,"category_name":"b","score":0.125}])",
                       "wanted"));
}

TEST(PredictionForm, TextCountsByClass) {
  const auto sample = detector();
  Prediction prediction = two_boxes();
  prediction.detections.push_back(prediction.detections[0]);
  EXPECT_EQ(found_text(prediction, *sample->predictor), "1 cat, 2 big, \"red\" bus");
  EXPECT_EQ(found_text({}, *sample->predictor), "nothing");
  EXPECT_EQ(found_text(two_classes(), *classifier()->predictor), "e 0.75, b 0.12");
}

TEST(PredictionForm, TheDrawingShowsEachObject) {
  const auto sample = detector();
  const Tensor pixels(DType::u8, {100, 200, 3});
  const Tensor drawing = annotated(pixels, two_boxes(), *sample->predictor);
  const std::vector<data::LabelledBox> boxes{{{20, 10, 60, 30}, 2, "big, \"red\" bus 0.87"},
                                             {{0, 0, 200, 100}, 0, "cat 0.50"}};
  EXPECT_EQ(drawing, data::draw_boxes(pixels, boxes));
  EXPECT_NE(annotated(pixels, two_classes(), *classifier()->predictor), data::draw_boxes(pixels, {}));
}

class Files : public ::testing::Test {
 protected:
  fs::path in(const std::string& name) const { return folder_.path() / "in" / name; }
  fs::path out(const std::string& name = "") const { return folder_.path() / "out" / name; }
  void put(const std::string& name, int height = 24, int width = 48) const {
    data::write_image(in(name), noise(height, width));
  }

  PredictRun run(Predictor& predictor, const std::vector<std::string>& forms, const std::string& source,
                 int64_t limit = 0) {
    const auto images = data::open_source(source, out());
    PredictionFiles files(out(), forms, *images, predictor);
    const LogSink log{[this](LogLevel level, std::string_view text) {
                        if (level == LogLevel::warning) warnings_.emplace_back(text);
                      },
                      [this](std::string_view text) { progress_.emplace_back(text); }};
    const auto predict = [&](const data::SourceImage& image, int64_t) { return predictor.predict(image.pixels); };
    const PredictRun run = predict_source(*images, predictor, predict, files, limit, sink_, log, cancel_);
    written_ = files.written();
    return run;
  }
  PredictRun run(Predictor& predictor, const std::vector<std::string>& forms) {
    return run(predictor, forms, (folder_.path() / "in").string());
  }
  std::vector<std::string> made() const {
    std::vector<std::string> names;
    if (!fs::exists(out())) return names;
    for (const auto& entry : fs::recursive_directory_iterator(out())) {
      if (entry.is_regular_file()) names.push_back(entry.path().lexically_relative(out()).generic_string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  TemporaryFolder folder_;
  CancelToken cancel_;
  PredictedSink sink_;
  std::vector<std::string> warnings_, progress_, written_;
};

using Names = std::vector<std::string>;

TEST_F(Files, EveryFormOfAFolder) {
  put("000000000009.png", 64, 96);
  put("sub/12.jpg");
  const auto sample = detector();
  std::vector<int64_t> frames;
  std::vector<Prediction> seen;
  sink_ = [&](const data::SourceImage& image, const Prediction& prediction) {
    frames.push_back(image.frame);
    seen.push_back(prediction);
  };
  const PredictRun result = run(*sample->predictor, {"images", "txt", "json"});
  EXPECT_EQ(result.images, 2);
  EXPECT_EQ(result.failed, 0);
  EXPECT_FALSE(result.interrupted);
  EXPECT_EQ(result.inference_ns.size(), 2u);
  EXPECT_EQ(made(), (Names{"000000000009.png", "labels/000000000009.txt", "labels/sub/12.txt", "predictions.json",
                           "sub/12.jpg"}));
  EXPECT_EQ(written_.size(), 3u);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(frames, (std::vector<int64_t>{-1, -1}));
  EXPECT_EQ(result.found, static_cast<int64_t>(seen[0].detections.size() + seen[1].detections.size()));
  EXPECT_EQ(read_file(out("labels/sub/12.txt")), yolo_text(seen[1]));
  const Tensor picture = data::read_image(out("000000000009.png"));
  EXPECT_EQ(picture, annotated(data::read_image(in("000000000009.png")), seen[0], *sample->predictor));

  const Json rows = read_json(out("predictions.json"));
  ASSERT_EQ(rows.size(), static_cast<size_t>(result.found));
  EXPECT_EQ(rows.front()["image_id"], 9);
  EXPECT_EQ(rows.front()["file_name"], "000000000009.png");
  EXPECT_EQ(rows.back()["image_id"], 12);
  EXPECT_EQ(rows.back()["file_name"], "sub/12.jpg");
  EXPECT_FALSE(rows.back().contains("frame"));
  ASSERT_EQ(progress_.size(), 2u);
  EXPECT_NE(progress_[1].find("2/2 sub/12.jpg 24x48"), std::string::npos) << progress_[1];
  EXPECT_NE(progress_[1].find("inference"), std::string::npos);
}

TEST_F(Files, OnlyWhatIsWanted) {
  put("a.png");
  const auto sample = detector();
  run(*sample->predictor, {});
  EXPECT_EQ(made(), Names{});
  run(*sample->predictor, {"json"});
  EXPECT_EQ(made(), Names{"predictions.json"});
  EXPECT_EQ(read_json(out("predictions.json")).front()["image_id"], 0) << "the name is no number";
  expect_error(ErrorKind::config, {"jsn", "did you mean 'json'"}, [&] { run(*sample->predictor, {"jsn"}); });
}

TEST_F(Files, NothingFoundIsAnEmptyFile) {
  put("a.png");
  const auto sample = detector({{"confidence", 0.999}});
  run(*sample->predictor, {"txt", "json"});
  EXPECT_EQ(read_file(out("labels/a.txt")), "");
  EXPECT_EQ(read_json(out("predictions.json")), Json::array());
}

TEST_F(Files, NamesThatDifferByExtensionAloneKeepIt) {
  for (const char* name : {"a.png", "a.jpg", "b.png"}) put(name);
  run(*detector()->predictor, {"txt"});
  EXPECT_EQ(made(), (Names{"labels/a.jpg.txt", "labels/a.png.txt", "labels/b.txt"}));
}

TEST_F(Files, EqualNumbersAreNoIds) {
  put("x/1.png");
  put("y/1.png");
  run(*detector()->predictor, {"json"});
  const Json rows = read_json(out("predictions.json"));
  EXPECT_EQ(rows.front()["image_id"], 0);
  EXPECT_EQ(rows.back()["image_id"], 1);
}

TEST_F(Files, BrokenImagesAreToldAndTheRestGoesOn) {
  put("a.png");
  write_file(in("b.png"), "no picture");
  write_file(in("c.jpg"), "");
  put("d.png");
  const PredictRun result = run(*detector()->predictor, {"json", "images"});
  EXPECT_EQ(result.images, 2);
  EXPECT_EQ(result.failed, 2);
  ASSERT_EQ(warnings_.size(), 2u);
  EXPECT_NE(warnings_[0].find("b.png"), std::string::npos);
  EXPECT_NE(warnings_[1].find("c.jpg"), std::string::npos);
  EXPECT_EQ(made(), (Names{"a.png", "d.png", "predictions.json"}));
  EXPECT_EQ(read_json(out("predictions.json")).back()["image_id"], 3) << "its place in the folder";
}

TEST_F(Files, AnInterruptedRunWritesWhatItHas) {
  for (const char* name : {"1.png", "2.png", "3.png"}) put(name);
  sink_ = [&](const data::SourceImage& image, const Prediction&) {
    if (image.name == "2.png") cancel_.cancel();
  };
  const PredictRun result = run(*detector()->predictor, {"json"});
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.images, 2);
  EXPECT_EQ(read_json(out("predictions.json")).back()["image_id"], 2);
}

TEST_F(Files, ALimitEndsEarly) {
  for (const char* name : {"1.png", "2.png", "3.png"}) put(name);
  const PredictRun result = run(*detector()->predictor, {}, in("").string(), 2);
  EXPECT_EQ(result.images, 2);
  EXPECT_FALSE(result.interrupted);
}

TEST_F(Files, ReplacesNoInput) {
  put("a.png");
  const auto sample = detector();
  const auto images = data::open_source(in("a.png").string());
  expect_error(ErrorKind::config, {"a.png", "-o"},
               [&] { PredictionFiles files(in(""), {"images"}, *images, *sample->predictor); });
  PredictionFiles labels(in(""), {"txt"}, *images, *sample->predictor);  // beside it is fine
}

TEST_F(Files, AClassifiersForms) {
  put("a.png");
  const PredictRun result = run(*classifier()->predictor, {"images", "txt", "json"});
  EXPECT_EQ(result.found, 0);
  EXPECT_EQ(made(), (Names{"a.png", "labels/a.txt", "predictions.json"}));
  const Json rows = read_json(out("predictions.json"));
  ASSERT_EQ(rows.size(), 5u);
  EXPECT_FALSE(rows[0].contains("bbox"));
  EXPECT_GE(rows[0]["score"], rows[4]["score"]);
  EXPECT_EQ(split_text(read_file(out("labels/a.txt")), '\n').size(), 5u);
}

TEST_F(Files, AVideoBecomesAVideo) {
  if (!data::video_support().available) GTEST_SKIP() << data::video_support().reason;
  fs::create_directories(in(""));
  {
    data::VideoWriter writer(in("clip.avi"), 5, 48, 64);
    for (int i = 0; i < 4; ++i) writer.add(noise(48, 64, i));
    writer.finish();
  }
  const PredictRun result = run(*detector()->predictor, {"images", "txt", "json"}, in("clip.avi").string());
  EXPECT_EQ(result.images, 4);
  const Names names = made();
  ASSERT_EQ(names.size(), 6u);
  EXPECT_TRUE(names[0] == "clip.mp4" || names[0] == "clip.avi") << names[0];
  EXPECT_EQ(names[1], "labels/clip_000000.txt");
  EXPECT_EQ(names[4], "labels/clip_000003.txt");
  const auto drawn = data::open_source(out(names[0]).string());
  EXPECT_NEAR(drawn->frames_per_second(), 5, 0.01);
  int frames = 0;
  while (const auto image = drawn->next()) {
    EXPECT_EQ(image->pixels.shape(), (Shape{48 * 5, 64 * 5, 3})) << "enlarged so that labels can be read";
    ++frames;
  }
  EXPECT_EQ(frames, 4);
  const Json rows = read_json(out("predictions.json"));
  EXPECT_EQ(rows.front()["frame"], 0);
  EXPECT_EQ(rows.back()["frame"], 3);
  EXPECT_EQ(rows.back()["image_id"], 3);
  EXPECT_EQ(rows.back()["file_name"], "clip.avi");
}

}  // namespace
}  // namespace quench::inference
