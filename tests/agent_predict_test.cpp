// `quench-agent predict`: pictures from files to boxes, drawings and times.
#include <cmath>

#include "agent/camera.h"
#include "agent/tar_file.h"
#include "agent_testing.h"
#include "config/tables.h"
#include "core/rng.h"
#include "core/tar_header.h"
#include "error_testing.h"
#include "models/preparation.h"
#include "picture_files/decode.h"
#include "picture_files/encode.h"
#include "pixels/marks.h"
#include "prediction/form.h"
#include "runtime/native/native.h"

namespace quench {
namespace {

Tensor noise(int height, int width, uint64_t seed) {
  Tensor pixels(DType::u8, {height, width, 3});
  Rng rng(seed, "noise");
  for (uint8_t& value : pixels.mutable_values<uint8_t>()) value = static_cast<uint8_t>(rng.below(256));
  return pixels;
}

std::string ppm(const Tensor& pixels) {
  return fmt::format("P6\n{} {}\n255\n", pixels.shape()[1], pixels.shape()[0]) +
         std::string(reinterpret_cast<const char*>(pixels.bytes()), pixels.size_bytes());
}

std::string tar_of(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string tar;
  for (const auto& [name, bytes] : files) {
    const auto size = static_cast<int64_t>(bytes.size());
    tar += make_tar_header(name, size) + bytes + std::string(tar_padding(size), '\0');
  }
  return tar + std::string(2 * kTarBlock, '\0');
}

class AgentPredict : public Agent {
 protected:
  void SetUp() override {
    Agent::SetUp();
    write_file(folder_ / "in/a.png", picture_files::encode_png(noise(40, 60, 1)));
    write_file(folder_ / "in/sub/b.JPG", picture_files::encode_jpeg(noise(33, 21, 2)));
    write_file(folder_ / "in/c.ppm", ppm(noise(64, 64, 3)));
    write_file(folder_ / "in/notes.md", "no picture");
    write_file(folder_ / "in/.hidden/d.png", picture_files::encode_png(noise(9, 9, 4)));
  }

  struct Answer {
    std::vector<Json> images;
    Json summary;
  };
  Answer answer(const std::string& arguments, int code = 0) const {
    const Outcome outcome = agent("predict " + arguments);
    EXPECT_EQ(outcome.code, code) << arguments << "\n" << outcome.err;
    Answer out;
    for (const std::string& line : split_text(outcome.out, '\n')) {
      if (line.empty()) continue;
      Json json = parse_json(line, "stdout");
      if (json.contains("summary")) {
        out.summary = json["summary"];
      } else {
        out.images.push_back(std::move(json));
      }
    }
    return out;
  }
  std::vector<std::string> names(const Answer& answer) const {
    std::vector<std::string> out;
    for (const Json& image : answer.images) out.push_back(image["file_name"]);
    return out;
  }
};

const std::string kFound = " --confidence 1e-7 --max-detections 4 ";

TEST_F(AgentPredict, SaysWhatThePredictorSays) {
  const auto runtime = runtime::native_runtime();
  graph::Graph prepared = graph::read_model(folder_ / "float.onnx").graph;
  models::set_preparation(prepared, {.resampling = pixels::Resampling::lanczos_antialias});
  graph::save_onnx(prepared, folder_ / "prepared.onnx");
  for (const char* name : {"detect-int8.onnx", "int8.onnx", "prepared.onnx"}) {
    const Answer got = answer(std::string(name) + kFound + "--source in --threads 1");
    ASSERT_EQ(names(got), (std::vector<std::string>{"a.png", "c.ppm", "sub/b.JPG"}));
    const graph::ModelFile model = graph::read_model(folder_ / name);
    prediction::Engine engine(*runtime, model, {});
    prediction::Predictor predictor(
        engine, config::predict_options().checked({{"confidence", 1e-7}, {"max_detections", 4}}, "test"));
    for (const Json& image : got.images) {
      const std::string file = image["file_name"];
      const Tensor pixels = picture_files::decode_picture(read_file(folder_ / "in" / file), file);
      const auto said = predictor.predict(pixels);
      EXPECT_EQ(image[predictor.detects() ? "detections" : "top"], found_json(said, predictor)) << name << " " << file;
      EXPECT_EQ(image["height"], pixels.shape()[0]);
      EXPECT_EQ(image["width"], pixels.shape()[1]);
      EXPECT_EQ(image["frame"], Json());
      for (const char* part : {"decode_ns", "preprocess_ns", "inference_ns", "postprocess_ns"}) {
        EXPECT_GE(image[part].get<int64_t>(), 0) << part;
      }
      EXPECT_FALSE(image.contains("draw_ns"));
    }
    EXPECT_EQ(got.summary["found"], predictor.detects() ? Json(12) : Json());
  }
}

TEST_F(AgentPredict, LinesOfTabsSayTheSame) {
  for (const char* name : {"detect-int8.onnx", "int8.onnx"}) {
    const std::string arguments = name + kFound + "--source in --threads 1";
    std::string wanted;
    for (const Json& image : answer(arguments).images) {
      for (const Json& row : image.contains("detections") ? image["detections"] : image["top"]) {
        wanted += fmt::format("{}\t{}\t{:.5f}", image["file_name"].get<std::string>(),
                              row["category_name"].get<std::string>(), row["score"].get<double>());
        for (const Json& value : row.value("bbox", Json::array()))
          wanted += fmt::format("\t{:.3f}", value.get<double>());
        wanted += "\n";
      }
    }
    const Outcome outcome = agent("predict " + arguments + " --format tab");
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.out, wanted);
    EXPECT_NE(outcome.err.find("3 pictures in "), std::string::npos) << outcome.err;
    EXPECT_EQ(outcome.err.find("left out, the first"), std::string::npos) << outcome.err;
  }
  write_file(folder_ / "odd/a\tb\nc\\d.png", picture_files::encode_png(noise(9, 9, 4)));
  EXPECT_TRUE(agent("predict int8.onnx --source odd --format tab").out.starts_with("a\\tb\\nc\\\\d.png\t"));
  write_file(folder_ / "in/sub/e.webp", "not read here");
  write_file(folder_ / "in/f.BMP", "nor this");
  EXPECT_NE(agent("predict int8.onnx --source in")
                .err.find("2 pictures of other kinds than JPEG, PNG and PPM left out, the first: f.BMP"),
            std::string::npos);
  expect_error("predict int8.onnx --source in --format tab --exact", 2, {"--exact is of --format jsonl"});
}

TEST_F(AgentPredict, TheSummaryHasThePaceAndItsParts) {
  const Answer got = answer("float.onnx --source in/a.png in/c.ppm --draw drawn --threads 2 --limit 5");
  EXPECT_EQ(got.summary["images"], 2);
  EXPECT_EQ(got.summary["failed"], 0);
  EXPECT_EQ(got.summary["threads"], 2);
  EXPECT_EQ(got.summary["runtime"], "native");
  EXPECT_GT(got.summary["images_per_second"].get<double>(), 0);
  double parts_ns = 0;
  for (const char* part : {"decode", "preprocess", "inference", "postprocess", "draw"}) {
    ASSERT_TRUE(got.summary["parts"].contains(part)) << part;
    EXPECT_GE(got.summary["parts"][part]["p50_ns"].get<int64_t>(), 0);
    parts_ns += 2 * got.summary["parts"][part]["mean_ns"].get<double>();
  }
  EXPECT_EQ(got.summary["parts"].size(), 5u);
  EXPECT_LE(parts_ns / 1e9, got.summary["seconds"].get<double>() * 1.000001 + 1e-6) << "parts of the whole";
  EXPECT_EQ(names(answer("float.onnx --source in --limit 1")), std::vector<std::string>{"a.png"});
}

TEST_F(AgentPredict, DrawsOnCopies) {
  const Answer got = answer("detect.onnx" + kFound + "--source in --draw drawn");
  ASSERT_EQ(got.images.size(), 3u);
  EXPECT_GT(got.images[0]["draw_ns"].get<int64_t>(), 0);
  const Tensor drawn = picture_files::decode_picture(read_file(folder_ / "drawn/a.png"), "a");
  EXPECT_EQ(drawn.shape(), (Shape{40, 60, 3}));
  EXPECT_NE(drawn, noise(40, 60, 1));
  EXPECT_EQ(picture_files::picture_kind(read_file(folder_ / "drawn/sub/b.JPG")), "jpeg");
  EXPECT_EQ(picture_files::picture_kind(read_file(folder_ / "drawn/c.jpg")), "jpeg") << "of a PPM";
  const std::string before = read_file(folder_ / "in/a.png");
  expect_error("predict detect.onnx --source in/a.png --draw in --progress none", 2, {"would replace"});
  EXPECT_EQ(read_file(folder_ / "in/a.png"), before);
}

TEST_F(AgentPredict, ListsAndArchivesAreSourcesToo) {
  write_file(folder_ / "list.txt", "in/a.png\r\n\nin/sub/b.JPG\n");
  EXPECT_EQ(names(answer("float.onnx --source list.txt")), (std::vector<std::string>{"in/a.png", "in/sub/b.JPG"}));
  write_file(folder_ / "some", tar_of({{"x/1.png", read_file(folder_ / "in/a.png")},
                                       {"readme", "no picture"},
                                       {"2.jpg", read_file(folder_ / "in/sub/b.JPG")}}));
  const Answer packed = answer("detect.onnx" + kFound + "--source some in/c.ppm");
  EXPECT_EQ(names(packed), (std::vector<std::string>{"x/1.png", "2.jpg", "c.ppm"}));
  EXPECT_EQ(packed.images[0]["detections"], answer("detect.onnx" + kFound + "--source in").images[0]["detections"]);
  ASSERT_EQ(run("tar --format=ustar -cf real.tar -C in a.png sub").code, 0);
  EXPECT_EQ(names(answer("float.onnx --source real.tar")), (std::vector<std::string>{"a.png", "sub/b.JPG"}));
}

TEST_F(AgentPredict, ADamagedPictureIsLeftOut) {
  write_file(folder_ / "in/b.png", read_file(folder_ / "in/a.png").substr(0, 600));
  const Answer got = answer("float.onnx --source in", 1);
  EXPECT_EQ(got.images.size(), 3u);
  EXPECT_EQ(got.summary["failed"], 1);
  EXPECT_NE(agent("predict float.onnx --source in").err.find("in/b.png"), std::string::npos);
}

TEST_F(AgentPredict, AllDigitsWhereAskedFor) {
  const Json rounded = answer("detect.onnx" + kFound + "--source in/a.png").images[0]["detections"];
  const Json exact = answer("detect.onnx" + kFound + "--source in/a.png --exact").images[0]["detections"];
  ASSERT_EQ(exact.size(), rounded.size());
  bool finer = false;
  for (size_t i = 0; i < exact.size(); ++i) {
    finer |= exact[i] != rounded[i];
    for (size_t k = 0; k < 4; ++k) {
      EXPECT_NEAR(exact[i]["bbox"][k].get<double>(), rounded[i]["bbox"][k].get<double>(), 5.001e-4);
    }
  }
  EXPECT_TRUE(finer);
}

TEST_F(AgentPredict, BadCallsAreOneLine) {
  expect_error("predict float.onnx", 2, {"--source"});
  expect_error("predict float.onnx --source missing", 2, {"missing"});
  expect_error("predict float.onnx --source in/.hidden/none in", 2, {"none"});
  expect_error("predict none.onnx --source in", 3, {"none.onnx"});
  expect_error("predict float.onnx --source in --imgsz 33 --progress none", 2, {"33"});
  expect_error("predict float.onnx --source /dev/video97", 3, {"/dev/video97"});
  expect_error("predict float.onnx --source 0 in", 2, {"camera alone"});
  expect_error("predict float.onnx --source in --camera-size 640", 2, {"640x480"});
  write_file(folder_ / "list.txt", "gone.png\n");
  expect_error("predict float.onnx --source list.txt", 2, {"gone.png"});
  fs::create_directories(folder_ / "empty");
  expect_error("predict float.onnx --source empty", 2, {"got none in empty"});
}

TEST(TarFile, WhatIsCutOrWrongIsRefused) {
  const fs::path path = fs::temp_directory_path() / fmt::format("quench-tar-{}", ::getpid());
  const std::string whole = tar_of({{"a.png", std::string(700, 'x')}, {"b", ""}});
  write_file(path, whole);
  const auto members = agent::tar_members(path);
  ASSERT_EQ(members.size(), 2u);
  EXPECT_EQ(members[0].name, "a.png");
  EXPECT_EQ(agent::read_member(path, members[0]), std::string(700, 'x'));
  EXPECT_EQ(agent::read_member(path, members[1]), "");
  for (const size_t size : {whole.size() - 1024, size_t{600}, size_t{100}, size_t{0}}) {
    write_file(path, whole.substr(0, size));
    EXPECT_EQ(error_of([&] { agent::tar_members(path); }).first, ErrorKind::data) << size;
  }
  std::string wrong = whole;
  wrong[0] = 'z';  // not what the checksum is of
  write_file(path, wrong);
  EXPECT_EQ(error_of([&] { agent::tar_members(path); }).first, ErrorKind::data);
  write_file(path, tar_of({{"../a.png", "x"}}));
  EXPECT_EQ(error_of([&] { agent::tar_members(path); }).first, ErrorKind::data);
  fs::remove(path);
}

TEST(Camera, YuyvIsBt601) {
  // Black, white, and pure colours by the standard's own numbers (ITU-R BT.601, Y of 16 to 235, 128 +- 112).
  struct Color {
    uint8_t y, u, v;
    int r, g, b;
  };
  for (const Color& c :
       {Color{16, 128, 128, 0, 0, 0}, Color{235, 128, 128, 255, 255, 255}, Color{81, 90, 240, 255, 0, 0},
        Color{145, 54, 34, 0, 255, 0}, Color{41, 240, 110, 0, 0, 255}, Color{126, 128, 128, 128, 128, 128}}) {
    const std::vector<uint8_t> bytes{c.y, c.u, c.y, c.v, 99, 99};  // a row longer than its pixels
    const Tensor out = agent::from_yuyv(bytes.data(), bytes.size(), 1, 2, 6);
    for (size_t x = 0; x < 2; ++x) {
      EXPECT_NEAR(out.values<uint8_t>()[3 * x], c.r, 2);
      EXPECT_NEAR(out.values<uint8_t>()[3 * x + 1], c.g, 2);
      EXPECT_NEAR(out.values<uint8_t>()[3 * x + 2], c.b, 2);
    }
  }
  const std::vector<uint8_t> bytes(15);
  EXPECT_EQ(error_of([&] { agent::from_yuyv(bytes.data(), bytes.size(), 2, 4, 8); }).first, ErrorKind::data);
  EXPECT_EQ(error_of([&] { agent::from_yuyv(bytes.data(), bytes.size(), 1, 3, 6); }).first, ErrorKind::data);
}

TEST(Marks, OutlinesAndLabelsLieInThePicture) {
  const Tensor gray(DType::u8, {80, 120, 3});
  const pixels::Color color = pixels::class_color(1);
  const auto at = [](const Tensor& image, int y, int x) {
    const uint8_t* p = image.values<uint8_t>().data() + 3 * (y * image.shape()[1] + x);
    return pixels::Color{p[0], p[1], p[2]};
  };
  const Tensor plain = pixels::draw_marks(gray, std::vector<pixels::Mark>{{{10, 20, 50, 60}, 1, "", true}});
  for (const auto& [y, x] : {std::pair{20, 10}, {20, 49}, {59, 10}, {59, 49}, {40, 11}})
    EXPECT_EQ(at(plain, y, x), color);
  for (const auto& [y, x] : {std::pair{19, 10}, {60, 49}, {40, 30}, {40, 9}})
    EXPECT_EQ(at(plain, y, x), pixels::Color{});
  const Tensor labelled = pixels::draw_marks(gray, std::vector<pixels::Mark>{{{10, 20, 50, 60}, 1, "cup", true}});
  EXPECT_EQ(at(labelled, 11, 10), color) << "above the box, 9 dots high";
  EXPECT_NE(labelled, plain);
  // Wherever boxes are, nothing is written outside, and what is not finite is left out.
  const double inf = INFINITY;
  EXPECT_EQ(pixels::draw_marks(gray, std::vector<pixels::Mark>{{{0, 0, inf, 4}, 1, "a", true}}), gray);
  for (const Box& box : {Box{-50, -50, 500, 500}, Box{119, 79, 120, 80}, Box{200, 200, 300, 300}, Box{5, 5, 5, 5}}) {
    pixels::draw_marks(gray, std::vector<pixels::Mark>{
                                 {box, 7, "\xe7\x8c\xab a very long label, longer than the picture is wide", true}});
  }
  pixels::draw_marks(Tensor(DType::u8, {1, 1, 3}), std::vector<pixels::Mark>{{{0, 0, 1, 1}, 0, "x", true}});
}

}  // namespace
}  // namespace quench
