#include <gtest/gtest.h>

#include "core/printable.h"
#include "core/utf8.h"

namespace quench {
namespace {

TEST(Printable, ControlCharactersAreShown) {
  EXPECT_EQ(printable("\x1b]0;title\x07\x1b[2J"), "\\x1b]0;title\\x07\\x1b[2J");
  EXPECT_EQ(printable("a\rb\x08\x7f"), "a\\x0db\\x08\\x7f");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\u009b31m");
  EXPECT_EQ(printable("a\xe2\x80\xae"
                      "b\xe2\x81\xa6"),
            "a\\u202eb\\u2066");
  EXPECT_EQ(printable("two\nlines\t"), "two\nlines\t");
  EXPECT_EQ(printable_line("two\nlines\t\x1b"), "two lines \\x1b");
}

TEST(Printable, TextStaysAsItIs) {
  for (const char* text : {"", "plain", "Gr\xc3\xbc\xc3\x9f", "\xe7\x8c\xab", "\xf0\x9f\x90\x88", "mAP@[.5:.95]"}) {
    EXPECT_EQ(printable(text), text);
  }
}

TEST(Printable, BytesThatAreNoUtf8AreShown) {
  EXPECT_EQ(printable("a\x9b\xff"), "a\\x9b\\xff");
  EXPECT_EQ(printable("\xc3"), "\\xc3");           // cut
  EXPECT_EQ(printable("\xc0\x9b"), "\\xc0\\x9b");  // overlong ESC is no way around
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");
}

TEST(Printable, AnyBytesComeOutHarmless) {
  std::string bytes;
  uint32_t state = 1;
  for (int i = 0; i < 200000; ++i) bytes += static_cast<char>((state = state * 1664525u + 1013904223u) >> 24);
  const std::string text = printable(bytes);
  EXPECT_EQ(utf8_prefix(text), text.size());
  for (const char c : text) ASSERT_TRUE(static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t');
  EXPECT_EQ(text.find("\xc2\x9b"), std::string::npos);
  EXPECT_EQ(printable(text), text);
}

TEST(Utf8, FindsTheFirstOtherByte) {
  EXPECT_EQ(utf8_prefix("ab\xc3\xa4"), 4u);
  EXPECT_EQ(utf8_prefix("ab\xe4"), 2u);
  EXPECT_EQ(utf8_character("\xf4\x8f\xbf\xbf"), 4u);  // the last character there is
  EXPECT_EQ(utf8_character("\xf4\x90\x80\x80"), 0u);
  EXPECT_EQ(utf8_character("\xf0\x8f\xbf\xbf"), 0u);
  EXPECT_EQ(utf8_character(""), 0u);
}

}  // namespace
}  // namespace quench
