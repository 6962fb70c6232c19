#include <gtest/gtest.h>

#include "core/error.h"
#include "core/gzip.h"
#include "core/rng.h"

namespace quench {
namespace {

std::string noise(size_t size) {
  Rng rng(1, "gzip");
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(rng.below(rng.chance(0.5) ? 256 : 4));
  return bytes;
}

/// `gzip -n` of "quench\n", by the gzip program (1.12).
const std::string kOfGzip(
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x2b\x2c\x4d\xcd\x4b\xce\xe0\x02\x00\x56\x9d\xd7\x01\x07\x00"
    "\x00\x00",
    27);

TEST(Gzip, RoundTrip) {
  for (const size_t size : {0, 1, 1000, 262144, 262145, 600000}) {
    const std::string content = noise(size);
    const std::string bytes = gzip(content);
    EXPECT_TRUE(is_gzip(bytes));
    EXPECT_EQ(gunzip(bytes, "x"), content) << size;
    EXPECT_EQ(gzip(content), bytes);
  }
  EXPECT_FALSE(is_gzip(""));
  EXPECT_FALSE(is_gzip("[1]"));
}

TEST(Gzip, ReadsWhatGzipWrites) { EXPECT_EQ(gunzip(kOfGzip, "x"), "quench\n"); }

TEST(Gzip, SeveralMembers) { EXPECT_EQ(gunzip(gzip("one ") + gzip("") + gzip("two"), "x"), "one two"); }

void expect_data_error(const std::string& bytes, const std::string& part) {
  try {
    gunzip(bytes, "file.gz", 1000);
    ADD_FAILURE() << "no error: " << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("file.gz"), std::string::npos) << error.what();
  }
}

TEST(Gzip, DamageIsAnError) {
  const std::string whole = gzip(noise(900));
  for (size_t length = 0; length < whole.size(); ++length) expect_data_error(whole.substr(0, length), "truncated");
  std::string changed = whole;
  changed[changed.size() - 6] ^= 1;  // the checksum
  expect_data_error(changed, "incorrect data check");
  expect_data_error(whole + "tail", "header");
  expect_data_error("plain text", "header");
}

TEST(Gzip, ContentIsBounded) {
  expect_data_error(gzip(std::string(5 << 20, ' ')), "at most 1000 bytes");
  EXPECT_EQ(gunzip(gzip(std::string(1000, ' ')), "x", 1000).size(), 1000u);
}

}  // namespace
}  // namespace quench
