// The curves of a training.
#include <gtest/gtest.h>

#include <set>

#include "core/file.h"
#include "data_testing.h"
#include "html_parsing.h"
#include "steps/training_page.h"

namespace quench::steps {
namespace {

std::vector<train::EpochRow> rows() {
  std::vector<train::EpochRow> rows;
  for (int64_t epoch = 1; epoch <= 6; ++epoch) {
    const auto e = static_cast<double>(epoch);
    rows.push_back({epoch, 0.1 / e, 3 / e, {}, 100, 10 * e, {{"box_loss", 2 / e}, {"cls_loss", 1 / e}}});
    if (epoch % 2 == 0) rows.back().scores = {{"map_50_95", 0.1 * e}};
  }
  return rows;
}

TEST(TrainingPage, DrawsEveryColumn) {
  const report::FigurePage page = training_page("Training of <yolov5n>", rows(), "It diverged.");
  std::set<std::string> files;
  for (const auto& [name, content] : report::files_of(page)) files.insert(name);
  for (const char* name : {"scores.svg", "loss.svg", "loss_parts.svg", "lr.svg"}) EXPECT_TRUE(files.contains(name));
  const auto& table = page.parts.at(1).tables.at(0).rows;
  ASSERT_EQ(table.size(), 7u);
  EXPECT_EQ(table[0],
            (std::vector<Json>{"epoch", "lr", "loss", "box_loss", "cls_loss", "map_50_95", "images/s", "seconds"}));
  EXPECT_TRUE(table[1][5].is_null());
  EXPECT_DOUBLE_EQ(table[2][5].get<double>(), 0.2);
  const testing::Parsed parsed = testing::parse(report::figure_page(page));
  EXPECT_EQ(parsed.fault, "");
  EXPECT_NE(parsed.text.find("It diverged."), std::string::npos);
}

TEST(TrainingPage, OfOneEpochAndOfNone) {
  const testing::TemporaryFolder folder;
  for (const size_t count : {0u, 1u}) {
    std::vector<train::EpochRow> some = rows();
    some.resize(count);
    write_training_page(folder.path(), training_page("t", some, ""));
    EXPECT_EQ(testing::parse(read_file(folder.path() / "training.html")).fault, "");
  }
}

}  // namespace
}  // namespace quench::steps
