// Classes of data held against a model's: the same under other names, fewer, in another order.
#include "core/file.h"
#include "data/sets/class_match.h"
#include "data_testing.h"

namespace quench::data {
namespace {

using Names = std::vector<std::string>;
using quench::testing::expect_error;
using quench::testing::TemporaryFolder;

const Names kModel{"person", "traffic light", "couch", "motorcycle", "tv", "airplane", "potted plant"};

/// Images of those labels; detection: an object each.
class Labelled : public Dataset {
 public:
  Labelled(Names classes, std::vector<int32_t> labels, std::string task)
      : classes_(std::move(classes)), labels_(std::move(labels)), task_(std::move(task)) {}
  int64_t size() const override { return static_cast<int64_t>(labels_.size()); }
  const Names& classes() const override { return classes_; }
  std::string task() const override { return task_; }
  int32_t label(int64_t index) const override {
    return task_ == "detect" ? -1 : labels_.at(static_cast<size_t>(index));
  }
  std::vector<Object> objects(int64_t index) const override {
    return {{{0, 0, 4, 4}, labels_.at(static_cast<size_t>(index)), false, 16}};
  }
  Sample at(int64_t index) const override {
    return {Tensor(DType::u8, {8, 8, 3}), label(index), task_ == "detect" ? objects(index) : std::vector<Object>{}};
  }
  std::string digest() const override { return "digest"; }

 private:
  Names classes_;
  std::vector<int32_t> labels_;
  std::string task_;
};

Splits splits_of(const Names& classes, const std::vector<int32_t>& labels, const std::string& task = "detect") {
  const auto set = std::make_shared<Labelled>(classes, labels, task);
  return {"data", set, set, true};
}

TEST(ClassMatch, LooksThroughCaseBlanksAndOldNames) {
  const ClassMatch match =
      match_classes(kModel, {"Person", "traffic_light", "sofa", "motor-bike", "TVmonitor", "aeroplane", "pottedplant"});
  EXPECT_EQ(match.to_model, (std::vector<int32_t>{0, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(match.ways.size(), 7u);
  EXPECT_TRUE(match_classes(kModel, kModel).ways.empty());
}

TEST(ClassMatch, TheSameNameGoesBeforeASimilarOne) {
  EXPECT_EQ(match_classes({"Cat", "cat"}, {"cat"}).to_model, std::vector<int32_t>{1});
  EXPECT_EQ(match_classes({"Cat", "cat"}, {"CAT"}).to_model, std::vector<int32_t>{ClassMatch::kNone}) << "ambiguous";
  expect_error(ErrorKind::data, {"'cat'", "'Cat'", "--class-map"}, [] {
    match_classes({"cat", "dog"}, {"cat", "Cat"});
  });
}

TEST(ClassMatch, NumbersStandForPlaces) {
  const ClassMatch match = match_classes({"0", "1"}, {"cat", "dog"});
  EXPECT_TRUE(match.by_number);
  EXPECT_EQ(match.to_model, (std::vector<int32_t>{0, 1}));
  EXPECT_TRUE(match_classes({"cat", "dog"}, {"class_0", "class_1"}).by_number);
  EXPECT_FALSE(match_classes({"cat", "dog", "owl"}, {"class_0", "class_1"}).by_number);
}

TEST(ClassMatch, WhatIsSaidGoesFirst) {
  const ClassMatch match = match_classes({"cat", "dog"}, {"Katze", "Hund", "Vogel"},
                                         {{"Katze", "cat"}, {"1", "dog"}, {"Vogel", std::nullopt}});
  EXPECT_EQ(match.to_model, (std::vector<int32_t>{0, 1, ClassMatch::kLeftOut}));
  expect_error(ErrorKind::config, {"'Maus'"}, [] { match_classes({"cat"}, {"Katze"}, {{"Maus", "cat"}}); });
  expect_error(ErrorKind::config, {"'cow'"}, [] { match_classes({"cat"}, {"Katze"}, {{"Katze", "cow"}}); });
}

TEST(ClassMap, IsYamlOfNames) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "map.yaml";
  write_file(file, "Katze: cat\n3: dog\nVogel: ~\n");
  EXPECT_EQ(read_class_map(file), (ClassMap{{"Katze", "cat"}, {"3", "dog"}, {"Vogel", std::nullopt}}));
  write_file(file, "[cat, dog]\n");
  expect_error(ErrorKind::config, {"map.yaml"}, [&] { read_class_map(file); });
  write_file(file, "cat: [dog]\n");
  expect_error(ErrorKind::config, {"'cat'", "map.yaml"}, [&] { read_class_map(file); });
}

TEST(WithClasses, ObjectsGetTheModelsNumbers) {
  const Splits splits = with_classes(splits_of({"sofa", "Person"}, {0, 1, 1}), kModel);
  EXPECT_EQ(splits.test->classes(), kModel);
  EXPECT_EQ(splits.test, splits.train) << "as they were";
  EXPECT_EQ(splits.test->objects(0).at(0).label, 2);
  EXPECT_EQ(splits.test->at(1).objects.at(0).label, 0);
  EXPECT_NE(splits.test->digest(), "digest");
  ASSERT_EQ(splits.notes.size(), 2u);
  EXPECT_NE(splits.notes[0].find("'sofa' is 'couch'"), std::string::npos) << splits.notes[0];
  EXPECT_NE(splits.notes[1].find("2 of the model's 7"), std::string::npos) << splits.notes[1];
}

TEST(WithClasses, EqualNamesStayAsTheyAre) {
  const Splits given = splits_of(kModel, {0});
  EXPECT_EQ(with_classes(given, kModel).train, given.train);
  EXPECT_EQ(with_classes(given, {}).train, given.train);
}

TEST(WithClasses, AClassThatTheModelLacksIsNamedWhereItIsAnnotated) {
  expect_error(ErrorKind::data, {"class 1", "'zebra'", "--class-map"}, [] {
    with_classes(splits_of({"person", "zebra"}, {0, 1}), kModel);
  });
  const Splits splits = with_classes(splits_of({"animals", "person"}, {1, 1}), kModel);  // nothing of class 0
  EXPECT_EQ(splits.test->objects(0).at(0).label, 0);
  expect_error(ErrorKind::data, {"'zebra'", "'person'"}, [] { with_classes(splits_of({"zebra"}, {}), kModel); });
}

TEST(WithClasses, WhatTheMapLeavesOutIsNotThere) {
  const ClassMap map{{"zebra", std::nullopt}};
  const Splits boxes = with_classes(splits_of({"person", "zebra"}, {0, 1}), kModel, map);
  EXPECT_EQ(boxes.test->size(), 2);
  EXPECT_TRUE(boxes.test->objects(1).empty());
  const Splits images = with_classes(splits_of({"zebra", "tv"}, {0, 1, 0}, "classify"), kModel, map);
  ASSERT_EQ(images.test->size(), 1);
  EXPECT_EQ(images.test->label(0), 4);
}

}  // namespace
}  // namespace quench::data
