// A sample pack on a device gives what `quench eval` gives on the data set itself: equal pixels, equal scores.

#include <gtest/gtest.h>

#include "agent/evaluation.h"
#include "agent_samples.h"
#include "core/hash.h"
#include "core/rng.h"
#include "data/loading/loader.h"
#include "data/pictures/image_file.h"
#include "data/pictures/letterbox.h"
#include "data/sets/sample_pack.h"
#include "data/sets/shapes.h"
#include "data_testing.h"
#include "graph/onnx_write.h"
#include "inference/evaluate.h"
#include "models/preparation.h"
#include "models/spec.h"
#include "pixels/canvas.h"
#include "pixels/fit.h"
#include "runtime/native/native.h"
#include "score/detection_scorer.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

graph::ModelFile file_of(const graph::Graph& graph) {
  graph::ModelFile file{"sample", graph::write_onnx(graph), "", graph};
  file.sha256 = sha256_hex(file.bytes);
  return file;
}

class StudyPack : public ::testing::Test {
 protected:
  /// Packs the split, evaluates both ways, and compares.
  score::Evaluation expect_equal(const std::shared_ptr<const data::Dataset>& split, const graph::ModelFile& model,
                                 int imgsz) {
    const LogSink log;
    const CancelToken cancel;
    const std::string sha256 = data::write_pack(
        split, {.data = "d", .split = "test", .imgsz = imgsz, .preparation = models::preparation_of(model.graph)},
        path_, log, cancel);
    const pack::Reader pack(path_);
    EXPECT_EQ(pack.sha256(), sha256);
    EXPECT_EQ(pack.header().task, split->task());
    EXPECT_EQ(pack.header().data_sha256, split->digest());
    EXPECT_EQ(pack.header().classes, split->classes());
    EXPECT_EQ(pack.header().count(), split->size());
    EXPECT_EQ(pack.read(0, 1), inference::sample_image(*split, model.graph));

    const auto native = runtime::native_runtime();
    inference::Engine engine(*native, model, {});
    const score::Evaluation direct = inference::evaluate(engine, *split, {.batch = 4}, log, cancel);
    const auto scorer = agent::make_scorer(model.graph, pack.header(), nullptr);
    const agent::Evaluated there =
        agent::evaluate(*native->load(model, {}), pack, {.batch = 3}, *scorer, nullptr, log, cancel);
    EXPECT_EQ(there.evaluation.samples, split->size());
    EXPECT_TRUE(there.evaluation == direct) << "scores, and what was said of each image";
    return direct;
  }

  quench::testing::TemporaryFolder folder_;
  const fs::path path_ = folder_.path() / "p.qpack";
};

TEST_F(StudyPack, ClassificationIsFittedAsForEvaluation) {
  const auto split = data::first_images(data::open_shapes({.imgsz = 64}).test, 60);
  models::BuildOptions options;
  options.classes = split->classes();
  for (const int side : {32, 64, 96}) {  // shrunk, as they are, grown
    options.imgsz = side;
    const score::Evaluation direct = expect_equal(split, file_of(models::build("yolov8n-cls", options)), side);
    EXPECT_GT(score::score_of(direct.scores, "top5"), 0);
  }
}

// The pack has the bytes that `quench predict` sees, and scores no model that wants others.
TEST_F(StudyPack, PicturesArePreparedAsTheModelSays) {
  const auto split = data::first_images(data::open_shapes({.imgsz = 64}).test, 40);
  models::BuildOptions options;
  options.classes = split->classes();
  options.imgsz = 32;
  graph::Graph graph = models::build("yolov8n-cls", options);
  const graph::Graph own = graph;
  const pixels::Preparation wanted{pixels::Shaping::short_side, pixels::Resampling::bicubic_antialias, 256, 224};
  models::set_preparation(graph, wanted);
  expect_equal(split, file_of(graph), 32);
  const pack::Reader pack(path_);
  EXPECT_EQ(pack::header_from(pack::to_text(pack.header()), "t"), pack.header());
  const Tensor first = pixels::fit_image(split->at(0).pixels, 32, wanted);
  EXPECT_EQ(pack.read(0, 1), pixels::to_planar(first.reshaped({1, 32, 32, 3})));
  EXPECT_NE(pack.read(0, 1), inference::sample_image(*split, own));
  quench::testing::expect_error(ErrorKind::data, {"256 pixels where 224 are kept", "quench's own way", "--model"},
                                [&] { agent::make_scorer(own, pack.header(), nullptr); });
  pack::Header other = pack.header();
  other.preparation = "{}";
  quench::testing::expect_error(ErrorKind::data, {"of the pack"}, [&] { agent::make_scorer(own, other, nullptr); });
}

TEST_F(StudyPack, DetectionIsLetterboxedAndMappedBack) {
  const graph::ModelFile model = file_of(agent::samples::detector(false));
  const auto session = runtime::native_runtime()->load(model, {});
  const score::DetectionScorer scorer(models::detect_head(model.graph), std::vector<std::string>{"cup", "jug"}, {});
  for (int i = 0; i < 9; ++i) {  // true boxes are some of those that the model finds
    Rng rng(1, "images", static_cast<uint64_t>(i));
    const int height = 30 + static_cast<int>(rng.below(120)), width = 30 + static_cast<int>(rng.below(120));
    Tensor pixels(DType::u8, {height, width, 3});
    for (uint8_t& value : pixels.mutable_values<uint8_t>()) value = static_cast<uint8_t>(rng.below(256));
    const data::Letterbox box = data::letterbox(height, width, 64, 64);
    Tensor canvas(DType::u8, {1, 64, 64, 3});
    data::draw(pixels, box, canvas.mutable_values<uint8_t>().data());
    const auto found = scorer.find(session->run(runtime::to_input(data::to_planar(canvas), session->input_dtype())), 0);
    std::string rows;
    for (size_t k = 0; k < found.size() && k < 10; k += 2) {
      const Box b = box.to_image(found[k].box);
      if (b.area() <= 0) continue;
      rows += fmt::format("{} {} {} {} {}\n", found[k].label, (b.x1 + b.x2) / 2 / width, (b.y1 + b.y2) / 2 / height,
                          b.width() / width, b.height() / height);
    }
    data::write_image(folder_.path() / fmt::format("set/images/val/{}.png", i), pixels);
    write_file(folder_.path() / fmt::format("set/labels/val/{}.txt", i), rows);
  }
  write_file(folder_.path() / "set/data.yaml", "path: .\ntrain: images/val\nval: images/val\nnames: [cup, jug]\n");
  const auto split = data::open((folder_.path() / "set/data.yaml").string(), folder_.path()).test;
  ASSERT_EQ(split->size(), 9);
  const score::Evaluation direct = expect_equal(split, model, 64);
  EXPECT_GT(score::score_of(direct.scores, "map_50_95"), 0.05);

  const pack::Reader pack(path_);
  for (int64_t i = 0; i < 9; ++i) {
    EXPECT_EQ(pack.header().images[static_cast<size_t>(i)].objects, split->objects(i));
    EXPECT_EQ(pack.header().images[static_cast<size_t>(i)].id, split->image(i).id);
  }
}

TEST_F(StudyPack, SaysWhatItCannotPack) {
  const auto split = data::open_shapes({.imgsz = 16}).test;
  const LogSink log;
  CancelToken cancel;
  quench::testing::expect_error(ErrorKind::io, {"/proc"}, [&] {
    data::write_pack(data::first_images(split, 3), {.data = "d", .split = "test"}, "/proc/p.qpack", log, cancel);
  });
  cancel.cancel();
  EXPECT_THROW(data::write_pack(split, {.data = "d", .split = "test"}, path_, log, cancel), Error);
  EXPECT_FALSE(fs::exists(path_));
}

}  // namespace
}  // namespace quench::study
