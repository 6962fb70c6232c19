// What a model does right and wrong, on sets made up here.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/hash.h"
#include "core/text.h"
#include "data/sets/memory_dataset.h"
#include "data_testing.h"
#include "evaluation/page.h"
#include "html_parsing.h"
#include "metrics/coco_map.h"
#include "report/figure_page.h"

namespace quench::evaluation {
namespace {

using quench::testing::parse;
using testing::TemporaryFolder;

/// Gray images with objects, as many as there are lists of them.
class Gray : public data::Dataset {
 public:
  Gray(std::vector<std::vector<Object>> objects, std::vector<std::string> classes)
      : objects_(std::move(objects)), classes_(std::move(classes)) {}
  int64_t size() const override { return static_cast<int64_t>(objects_.size()); }
  const std::vector<std::string>& classes() const override { return classes_; }
  int32_t label(int64_t) const override { return -1; }
  std::string task() const override { return "detect"; }
  std::vector<Object> objects(int64_t index) const override { return objects_.at(static_cast<size_t>(index)); }
  data::ImageInfo image(int64_t index) const override {
    return {index, "gray" + std::to_string(index) + ".png", 90, 1200};
  }
  std::string digest() const override { return "gray"; }
  data::Sample at(int64_t index) const override {
    return {Tensor::from(std::vector<uint8_t>(90 * 1200 * 3, 128), {90, 1200, 3}), -1, objects(index)};
  }

 private:
  std::vector<std::vector<Object>> objects_;
  std::vector<std::string> classes_;
};

Object object(double x, int32_t label) { return {{x, 10, x + 40, 50}, label, false, 1600}; }
metrics::FoundBox found(double x, int32_t label, double score) { return {{x, 10, x + 40, 50}, score, label}; }

/// A data set with answers, and outcomes of both.
struct Case {
  Gray split;
  std::vector<ImageAnswer> answers;
  metrics::Outcomes outcomes;

  Case(std::vector<std::vector<Object>> objects, std::vector<std::vector<metrics::FoundBox>> boxes)
      : split(objects, {"cat", "dog", "eel"}) {
    metrics::CocoEvaluation coco({{0, "cat"}, {1, "dog"}, {2, "eel"}});
    for (size_t i = 0; i < objects.size(); ++i) {
      const auto id = static_cast<int64_t>(i);
      ImageAnswer& answer = answers.emplace_back();
      answer.index = id;
      answer.objects = objects[i];
      answer.found = boxes[i];
      coco.add_image(id);
      for (const Object& o : objects[i]) coco.add_truth({id, o.label, o.box.x1, o.box.y1, 40, 40, 1600, false});
      for (const auto& f : boxes[i]) coco.add_detection({id, f.label, f.box.x1, f.box.y1, 40, 40, f.score});
    }
    outcomes.boxes = coco.outcomes();
  }
  Subject subject() const { return {"made up", {}, split, answers, outcomes, 1}; }
};

/// Right, wrong and missed boxes in four images.
Case mixed() {
  return {{{object(0, 0), object(100, 1)}, {object(0, 0)}, {object(0, 1)}, {}},
          {{found(0, 0, 0.9), found(100, 1, 0.8)}, {found(2, 0, 0.7), found(500, 0, 0.3)}, {found(700, 1, 0.9)}, {}}};
}

const report::PageTable& table_of(const report::FigurePage& page, const std::string& file) {
  for (const report::PagePart& part : page.parts) {
    for (const report::PageTable& table : part.tables) {
      if (table.file == file) return table;
    }
  }
  throw Error(ErrorKind::internal, "no table " + file);
}

TEST(DetectionPage, FiguresOfEachClass) {
  const Case made = mixed();
  std::vector<report::NamedFile> pictures;
  const report::FigurePage page = evaluation_page(made.subject(), pictures);
  // cat: .9 right, .7 right, .3 wrong, 2 true. dog: .9 wrong, .8 right, 2 true. eel: none.
  // Means of F1: at .9 (2/3 + 0) / 2, at .8 (2/3 + 1/2) / 2, at .7 (1 + 1/2) / 2, at .3 (4/5 + 1/2) / 2.
  const auto& classes = table_of(page, "classes").rows;
  ASSERT_EQ(classes.size(), 4u);
  EXPECT_EQ(classes[1], (std::vector<Json>{"cat", 2, 1.0, classes[1][3], 1.0, 1.0, 1.0, 2, 0, 0}));
  EXPECT_EQ(classes[2], (std::vector<Json>{"dog", 2, classes[2][2], classes[2][3], 0.5, 0.5, 0.5, 1, 1, 1}));
  EXPECT_EQ(classes[3], (std::vector<Json>{"eel", 0, nullptr, nullptr, nullptr, nullptr, nullptr, 0, 0, 0}));
  // dog: precision 1/2 up to recall 1/2, at 51 of 101 recalls.
  EXPECT_NEAR(classes[2][2].get<double>(), 0.5 * 51 / 101, 1e-9);
  EXPECT_EQ(page.tiles[2].value, "75.0 %");
  EXPECT_EQ(page.tiles[2].note, "mean of classes, confidence 0.700");
  const auto& metrics = table_of(page, "metrics").rows;
  EXPECT_EQ(metrics[1][0], "map_50_95");
  for (size_t r = 1; r < metrics.size(); ++r) {
    EXPECT_LE(metrics[r][2], metrics[r][1]);
    EXPECT_GE(metrics[r][3], metrics[r][1]);
  }
  const auto& confusion = table_of(page, "confusion").rows;
  EXPECT_EQ(confusion[1], (std::vector<Json>{"cat", 2, 0, 0, 0}));
  EXPECT_EQ(confusion[2], (std::vector<Json>{"dog", 0, 1, 0, 1}));
  EXPECT_EQ(confusion[4], (std::vector<Json>{"background", 1, 1, 0, 0}));
}

TEST(DetectionPage, TheWorstImagesComeFirst) {
  const Case made = mixed();
  const WorstPictures worst = worst_detections(made.subject(), 0.25, 5);
  ASSERT_EQ(worst.shown.size(), 2u) << "one is right, and one has nothing";
  EXPECT_EQ(worst.shown[0].caption, "gray2.png: 0 right, 1 missed, 1 wrong");
  EXPECT_EQ(worst.shown[1].caption, "gray1.png: 1 right, 0 missed, 1 wrong");
  ASSERT_EQ(worst.files.size(), 4u);
  EXPECT_EQ(worst.files[0].first, "worst/01-truth.jpg");
  EXPECT_EQ(worst.files[1].first, "worst/01-prediction.jpg");
  for (const auto& [name, bytes] : worst.files) EXPECT_TRUE(bytes.starts_with("\xff\xd8")) << name;
  EXPECT_EQ(worst.table.rows.size(), 4u) << "those without an error too";
  EXPECT_EQ(worst_detections(made.subject(), 0.25, 1).shown.size(), 1u);
}

TEST(DetectionPage, NothingAnnotatedIsNullAndNeverZero) {
  const Case made{{{}, {}}, {{found(0, 0, 0.9)}, {}}};
  std::vector<report::NamedFile> pictures;
  const report::FigurePage page = evaluation_page(made.subject(), pictures);
  for (const report::PageTile& tile : page.tiles) EXPECT_EQ(tile.value, "n/a") << tile.title;
  ASSERT_EQ(page.notes.size(), 1u);
  EXPECT_NE(page.notes[0].find("No object is annotated on the 2 images"), std::string::npos);
  for (const auto& row : table_of(page, "metrics").rows) {
    if (row[0] == "metric") continue;
    EXPECT_TRUE(row[1].is_null()) << row[0];
  }
  const auto& classes = table_of(page, "classes").rows;
  for (size_t r = 1; r < classes.size(); ++r) {
    for (size_t c = 2; c < 7; ++c) EXPECT_TRUE(classes[r][c].is_null()) << classes[r][0] << " " << c;
  }
  EXPECT_EQ(parse(report::figure_page(page)).fault, "");
}

TEST(DetectionPage, NothingFoundIsZeroRecall) {
  const Case made{{{object(0, 0)}}, {{}}};
  std::vector<report::NamedFile> pictures;
  const report::FigurePage page = evaluation_page(made.subject(), pictures);
  EXPECT_EQ(page.tiles[0].value, "0.0 %");
  EXPECT_EQ(page.tiles[3].value, "n/a") << "precision of nothing";
  EXPECT_EQ(page.tiles[4].value, "0.0 %");
}

/// Ten images of three classes with answers.
struct Classified {
  data::MemoryDataset split{store()};
  std::vector<ImageAnswer> answers;
  metrics::Outcomes outcomes;

  static data::PixelStore store() {
    data::PixelStore store{4, 4, {}, {}, {"a", "b", "c"}};
    for (int i = 0; i < 10; ++i) {
      store.labels.push_back(i < 5 ? 0 : 1);
      store.pixels.insert(store.pixels.end(), 4 * 4 * 3, static_cast<uint8_t>(20 * i));
    }
    return store;
  }
  Classified() {
    for (int i = 0; i < 10; ++i) {
      ImageAnswer& answer = answers.emplace_back();
      answer.index = i;
      answer.label = i < 5 ? 0 : 1;
      answer.prediction = i % 5 == 0 ? 1 - answer.label : answer.label;  // images 0 and 5 are wrong
      answer.confidence = 0.9;
      answer.of_truth = i == 5 ? 0.01 : i == 0 ? 0.05 : 0.9;
      outcomes.ahead.push_back(i % 5 == 0);
    }
  }
  Subject subject() const { return {"made up", {}, split, answers, outcomes, 1}; }
};

TEST(ClassificationPage, FiguresOfEachClass) {
  const Classified made;
  std::vector<report::NamedFile> pictures;
  const report::FigurePage page = evaluation_page(made.subject(), pictures);
  EXPECT_EQ(page.tiles[0].value, "80.0 %");
  EXPECT_EQ(page.tiles[2].value, "10.0 %") << "sure by .9, right in .8";
  const auto& classes = table_of(page, "classes").rows;
  EXPECT_EQ(classes[1][1], 5);
  EXPECT_DOUBLE_EQ(classes[1][2].get<double>(), 0.8);
  EXPECT_NEAR(classes[1][3].get<double>(), 0.3755, 5e-5);  // Wilson's interval of 4 of 5
  EXPECT_NEAR(classes[1][4].get<double>(), 0.9638, 5e-5);
  EXPECT_TRUE(classes[3][2].is_null()) << "no image is of it";
  const auto& confusions = table_of(page, "confusions").rows;
  ASSERT_EQ(confusions.size(), 3u);
  EXPECT_EQ(confusions[1], (std::vector<Json>{"a", "b", 1, 0.2}));
  const auto& worst = table_of(page, "worst").rows;
  ASSERT_EQ(worst.size(), 3u);
  EXPECT_EQ(worst[1][0], "image 5");
  ASSERT_EQ(pictures.size(), 2u);
  EXPECT_EQ(pictures[0].first, "worst/01.png");
}

TEST(Answers, KnowWhichImagesWereLeftOut) {
  Answers answers(Labels::image_class);
  const std::vector<Tensor> outputs{Tensor::from(std::vector<float>{0, std::log(3.f), 1, 1}, {2, 2})};
  answers.add({{1, 0}, {}}, outputs, 0, {1, {}, {}});
  answers.add({{0, 1}, {}}, outputs, 1, {1, {}, {}});
  const std::vector<ImageAnswer> all = answers.finish(3, {{1, "b.png", "damaged"}});
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].index, 0);
  EXPECT_EQ(all[1].index, 2);
  EXPECT_NEAR(all[0].confidence, 0.75, 1e-6);
  EXPECT_NEAR(all[1].confidence, 0.5, 1e-6);
  EXPECT_NEAR(all[1].of_truth, 0.5, 1e-6);
}

TEST(Report, WritesEveryFile) {
  const TemporaryFolder folder;
  const Case made = mixed();
  std::vector<report::NamedFile> pictures;
  const report::FigurePage page = evaluation_page(made.subject(), pictures);
  write_report(folder.path() / "r", page, pictures);
  for (const char* name : {"report.html", "metrics.csv", "classes.csv", "pr_curve.svg", "pr_curve.csv", "f1_curve.svg",
                           "p_curve.svg", "r_curve.svg", "confidence_curves.csv", "confusion.svg", "confusion.csv",
                           "confusions.csv", "worst.csv", "worst/01-truth.jpg", "worst/01-prediction.jpg"}) {
    EXPECT_TRUE(std::filesystem::exists(folder.path() / "r" / name)) << name;
  }
  EXPECT_EQ(split_text(read_file(folder.path() / "r" / "pr_curve.csv"), '\n').size(), 102u);
  const std::string html = read_file(folder.path() / "r" / "report.html");
  EXPECT_EQ(parse(html).fault, "");
  EXPECT_EQ(html.find("http:"), std::string::npos);
  EXPECT_EQ(html.find("https:"), std::string::npos);
}

TEST(Report, FoldersThatAreNone) {
  const TemporaryFolder folder;
  write_file(folder.path() / "file", "x");
  testing::expect_error(ErrorKind::config, {"folder", "file"}, [&] { require_report_folder(folder.path() / "file"); });
  testing::expect_error(ErrorKind::io, {"file"}, [&] { require_report_folder(folder.path() / "file" / "below"); });
  testing::expect_error(ErrorKind::io, {"/proc"}, [&] { require_report_folder("/proc/quench-report"); });
  require_report_folder(folder.path() / "new");
}

}  // namespace
}  // namespace quench::evaluation
