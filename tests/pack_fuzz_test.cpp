#include <gtest/gtest.h>

#include "core/rng.h"
#include "data_testing.h"
#include "pack_samples.h"

namespace quench::pack {
namespace {

/// Header text of any kind: a header that check() takes and that is written and read back the same, or Error{data}.
bool read_anything(const std::string& text, uint64_t round) {
  try {
    const Header header = header_from(text, "fuzz");
    EXPECT_TRUE(header_from(to_text(header), "again") == header) << round;
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data) << round << ": " << error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << round << ": " << error.what();
  }
  return false;
}

std::string mutated(const std::string& text, Rng& rng) {
  static const std::vector<std::string> kValues{
      "-1",    "1e999", "9223372036854775808", "null",       "true", "\"x\"", "[]", "{}", "0.5",
      "65537", "[[[[",  "\"\\ud800\"",         "4294967296", "-0.0"};
  std::string changed = text;
  for (uint64_t i = 0, many = 1 + rng.below(3); i < many; ++i) {
    const size_t at = rng.below(changed.size());
    switch (rng.below(4)) {
      case 0: changed[at] = static_cast<char>(rng.below(256)); break;
      case 1: changed.erase(at, 1 + rng.below(6)); break;
      case 2: changed.insert(at, changed.substr(rng.below(changed.size()), 1 + rng.below(12))); break;
      default: {  // another value in place of a number
        const size_t digit = changed.find_first_of("0123456789", at);
        if (digit == std::string::npos) break;
        const size_t end = changed.find_first_not_of("0123456789.", digit);
        changed.replace(digit, (end == std::string::npos ? changed.size() : end) - digit,
                        kValues[rng.below(kValues.size())]);
      }
    }
  }
  return changed;
}

TEST(PackFuzz, HeaderTexts) {
  int headers = 0, errors = 0;
  for (const Header& header : {samples::classify_header(6), samples::detect_header(6)}) {
    const std::string text = to_text(header);
    for (uint64_t round = 0; round < 4000; ++round) {
      Rng rng(11, header.task, round);
      ++(read_anything(mutated(text, rng), round) ? headers : errors);
    }
  }
  EXPECT_GT(headers, 200);  // the changes are not all to the syntax
  EXPECT_GT(errors, 2000);
}

TEST(PackFuzz, HeadersNestedDeeply) {
  for (const char* open : {"[", "{\"a\":"}) {
    std::string text;
    for (int i = 0; i < 200000; ++i) text += open;
    EXPECT_FALSE(read_anything(text, 0));
  }
}

// No flipped bit goes unseen: every byte of the file is covered by a check.
TEST(PackFuzz, FilesWithChangedBytes) {
  const quench::testing::TemporaryFolder folder;
  const auto path = folder.path() / "a.qpack";
  for (const Header& header : {samples::classify_header(3), samples::detect_header(3, 32)}) {
    samples::write_noise(path, header);
    const std::string whole = read_file(path);
    for (uint64_t round = 0; round < 1500; ++round) {
      Rng rng(12, header.task, round);
      std::string bytes = whole;
      // The first 4 KiB hold all structure here; images are most of the rest.
      const size_t at = rng.below(rng.chance(0.8) ? std::min<size_t>(4096, bytes.size()) : bytes.size());
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.below(8)));
      samples::put(path, bytes);
      try {
        const Reader reader(path);
        for (int64_t i = 0; i < reader.header().count(); ++i) reader.read(i, 1);
        ADD_FAILURE() << "byte " << at << " of " << bytes.size() << " changed, and nothing was said";
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::data) << at << ": " << error.what();
      } catch (const std::exception& error) {
        ADD_FAILURE() << at << ": " << error.what();
      }
    }
  }
}

}  // namespace
}  // namespace quench::pack
