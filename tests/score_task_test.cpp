// What every task of the list must have.
#include <gtest/gtest.h>

#include <set>

#include "config/tables.h"
#include "core/task.h"
#include "core/task_list.h"
#include "error_testing.h"
#include "models/spec.h"
#include "record/record.h"
#include "score/scorer.h"

namespace quench {
namespace {

TEST(Tasks, TheListAndTheRowsSayTheSameNames) {
  std::vector<std::string> listed, rows;
#define QUENCH_NAME(name) listed.push_back(#name);
  QUENCH_TASKS(QUENCH_NAME)
#undef QUENCH_NAME
  for (const Task& task : tasks()) rows.push_back(task.name);
  EXPECT_EQ(rows, listed);
  EXPECT_EQ(default_task(), "classify") << "models of before say nothing";
  EXPECT_EQ(find_task("segment"), nullptr);
  const auto [kind, message] = error_of([] { require_task("segment", "[x]"); });
  EXPECT_EQ(kind, ErrorKind::data);
  EXPECT_NE(message.find("classify, detect"), std::string::npos) << message;
}

TEST(Tasks, FiguresAreFieldsOfRecords) {
  std::set<std::string> fields;
  for (const record::Field& field : record::fields()) {
    if (field.unit == "fraction") fields.insert(std::string(field.name));
  }
  for (const Task& task : tasks()) {
    ASSERT_FALSE(task.figures.empty());
    for (const std::string& figure : task.figures) EXPECT_TRUE(fields.contains(figure)) << figure;
  }
}

TEST(Tasks, EveryModelOfTheCatalogHasATaskWithSettingsAndAScorer) {
  for (const std::string& name : models::names()) {
    const models::Spec spec = models::spec(name);
    if (spec.width > 0.26) continue;  // the smallest of each family tell
    const Task& task = require_task(spec.task, "t");
    const graph::Graph graph = models::build(name, {.classes = {"a", "b"}, .imgsz = 32});
    const auto scorer = score::make_scorer(graph, std::vector<std::string>{"a", "b"}, nullptr);
    Truth truth{.label = 0, .letterbox = letterbox(32, 32, 32, 32), .objects = {}};
    truth.objects.push_back({.box = {4, 4, 20, 20}, .label = 0, .area = 256});
    scorer->add({}, truth);  // nothing was found, but there was something to find
    const score::Scores scores = scorer->result().scores;
    ASSERT_FALSE(scores.empty()) << name;
    EXPECT_EQ(scores.front().name, task.figures.front()) << name << ": the one that ranks comes first";
    const auto other = [&] { score::make_scorer(graph, std::vector<std::string>{"a", "b", "c"}, nullptr); };
    EXPECT_EQ(error_of(other).first, ErrorKind::data) << name;
  }
}

TEST(Tasks, SettingsAreOfATaskThatThereIs) {
  for (const Task& task : tasks()) {
    EXPECT_NO_THROW(config::train_options(task.name).checked(Json::object(), "t"));
    for (const config::Option& option : config::train_options(default_task()).options()) {
      EXPECT_TRUE(config::train_options(task.name).find(option.name)) << option.name;
      EXPECT_TRUE(config::qat_options(task.name).find(option.name)) << option.name;
    }
  }
  EXPECT_TRUE(config::evaluate_options("classify").options().empty());
  EXPECT_TRUE(config::evaluate_options("detect").find("iou"));
  EXPECT_EQ(error_of([] { config::train_options("segment"); }).first, ErrorKind::config);
}

}  // namespace
}  // namespace quench
