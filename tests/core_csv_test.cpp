#include <gtest/gtest.h>

#include "core/csv.h"

namespace quench {
namespace {

TEST(Csv, CellsAreQuotedWhereTheyMust) {
  for (const char* plain : {"", "cat", "a b", "it's", "ü"}) EXPECT_EQ(csv_cell(plain), plain);
  EXPECT_EQ(csv_cell("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_cell("say \"x\""), "\"say \"\"x\"\"\"");
  EXPECT_EQ(csv_cell("two\nlines"), "\"two\nlines\"");
  EXPECT_EQ(csv_cell("two\r\nlines"), "\"two\r\nlines\"");
  EXPECT_EQ(csv_cell("over\rwritten"), "over\\x0dwritten");
}

TEST(Csv, TextThatASpreadsheetWouldRunIsText) {
  EXPECT_EQ(csv_cell("=1+1"), "'=1+1");
  EXPECT_EQ(csv_cell("=HYPERLINK(\"http://x\",\"y\")"), "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"");
  EXPECT_EQ(csv_cell("+cmd|' /C calc'!A0"), "'+cmd|' /C calc'!A0");
  EXPECT_EQ(csv_cell("-2+3"), "'-2+3");
  EXPECT_EQ(csv_cell("@SUM(A1)"), "'@SUM(A1)");
  EXPECT_EQ(csv_cell("\t=1"), "'\t=1");
}

TEST(Csv, NumbersAndSignsAloneStay) {
  for (const char* number : {"-1", "+1.5", "-2.5e-3", "-12.3%", "-", "1e9", "3"}) EXPECT_EQ(csv_cell(number), number);
}

TEST(Csv, ControlCharactersAreShown) {
  EXPECT_EQ(csv_cell("a\x1b[2Jb"), "a\\x1b[2Jb");
  EXPECT_EQ(csv_cell("x\xff"), "x\\xff");
}

}  // namespace
}  // namespace quench
