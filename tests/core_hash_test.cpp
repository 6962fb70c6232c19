#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/json.h"

namespace quench {
namespace {

// The examples of NIST for FIPS 180-4 (SHA-256), and a million times "a".
TEST(Sha256, PublishedVectors) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_hex(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PiecesAndFilesGiveTheSameDigest) {
  std::string text;
  for (int i = 0; i < 200000; ++i) text += static_cast<char>(i % 251);
  Sha256 digest;
  for (size_t at = 0; at < text.size(); at += 777) digest.update(std::string_view(text).substr(at, 777));
  EXPECT_EQ(digest.hex(), sha256_hex(text));
  const auto path = std::filesystem::temp_directory_path() / fmt::format("quench-hash-{}", ::getpid());
  write_file(path, text);
  EXPECT_EQ(sha256_file(path), sha256_hex(text));
  std::filesystem::remove(path);
  EXPECT_THROW(sha256_file(path), Error);
}

TEST(Json, ParseErrorsNameThePlace) {
  EXPECT_EQ(parse_json("{\"a\": [1, 2.5, null]}", "x")["a"][1], 2.5);
  for (const char* bad : {"", "{", "{\"a\":}", "[1,]", "nul", "{\"a\":1}x", "\"\xff\"", "'a'"}) {
    try {
      parse_json(bad, "study.json");
      FAIL() << bad;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      EXPECT_NE(std::string(error.what()).find("study.json: expected valid JSON, got an error at byte"),
                std::string::npos)
          << error.what();
    }
  }
}

TEST(Json, NumbersBeyondDoubleAreBadData) {
  try {
    parse_json("{\"a\": 1e999}", "record 3");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_NE(std::string(error.what()).find("record 3"), std::string::npos) << error.what();
  }
}

TEST(Json, KeepsOrderButCanonicalTextDoesNot) {
  const Json a = parse_json(R"({"b": 1, "a": {"d": [1, 2], "c": 0.1}})", "a");
  const Json b = parse_json(R"({"a":{"c":0.1,"d":[1,2]},"b":1})", "b");
  EXPECT_EQ(a.dump(), R"({"b":1,"a":{"d":[1,2],"c":0.1}})");
  EXPECT_EQ(canonical_text(a), R"({"a":{"c":0.1,"d":[1,2]},"b":1})");
  EXPECT_EQ(canonical_text(a), canonical_text(b));
  EXPECT_NE(canonical_text(parse_json("[1,2]", "")), canonical_text(parse_json("[2,1]", "")));
}

}  // namespace
}  // namespace quench
