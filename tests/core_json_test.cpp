#include <gtest/gtest.h>

#include "core/json.h"
#include "core/json_text.h"
#include "error_testing.h"

namespace quench {
namespace {

std::string nested(size_t depth, const std::string& open, const std::string& close) {
  std::string text;
  for (size_t i = 0; i < depth; ++i) text += open;
  text += "1";
  for (size_t i = 0; i < depth; ++i) text += close;
  return text;
}

TEST(Json, NestingHasALimit) {
  EXPECT_NO_THROW(parse_json(nested(256, "[", "]"), "x"));
  for (const size_t depth : {size_t{257}, size_t{100000}, size_t{1000000}}) {
    for (const std::string& text : {nested(depth, "[", "]"), nested(depth, "{\"a\":", "}"), nested(depth, "[", "")}) {
      const auto [kind, message] = error_of([&, &text = text] { parse_json(text, "runs.jsonl:3"); });
      EXPECT_EQ(kind, ErrorKind::data);
      EXPECT_NE(message.find("runs.jsonl:3: expected lists and objects at most 256 deep"), std::string::npos)
          << message;
    }
  }
}

// In a build for release it would be read from where there is nothing.
TEST(Json, AKeyThatIsNotThereIsAnError) {
  const Json constant{{"a", 1}};
  const auto [kind, message] = error_of([&] { EXPECT_TRUE(constant["b"].is_null()); });
  EXPECT_EQ(kind, ErrorKind::internal);
  EXPECT_NE(message.find("expected a value that is there"), std::string::npos) << message;
}

TEST(Json, WhatMayBeAnotherThingIsNothingThen) {
  EXPECT_EQ(try_parse_json("{\"a\":1}"), (Json{{"a", 1}}));
  EXPECT_EQ(try_parse_json("null"), Json());
  for (const std::string& text : {std::string("Welcome"), std::string(), std::string("{"), std::string("\"\xff\""),
                                  std::string("1e999"), nested(100000, "[", "]"), nested(100000, "{\"a\":", "")}) {
    EXPECT_FALSE(try_parse_json(text)) << text.substr(0, 20);
  }
}

TEST(Json, BracketsInTextsAndSideBySideAreNoNesting) {
  const std::string quoted = "\"" + std::string(1000, '[') + "\\\"" + std::string(1000, '{') + "\\\\\"";
  EXPECT_EQ(parse_json(quoted, "x").get<std::string>(), std::string(1000, '[') + "\"" + std::string(1000, '{') + "\\");
  std::string flat = "[";
  for (int i = 0; i < 1000; ++i) flat += "[],";
  EXPECT_EQ(parse_json(flat + "[]]", "x").size(), 1001u);
}

TEST(Json, CanonicalTextOfOtherBytesIsAnErrorOfTheData) {
  EXPECT_EQ(canonical_text(Json{{"b", 1}, {"a", 2}}), R"({"a":2,"b":1})");
  // As a parser that sorts its keys has it.
  const Json all = Json::parse(
      R"({"z":[1,-2,3.0,0.1,1e300,{"b":null,"a":[],"":{}}],"é\n\"":"\u0001ü","a":{"c":true,"B":18446744073709551615}})");
  EXPECT_EQ(canonical_text(all), nlohmann::json::parse(all.dump()).dump());
  const auto [kind, message] = error_of([] { canonical_text(Json{{"path", "x\xff"}}); });
  EXPECT_EQ(kind, ErrorKind::data);
  EXPECT_NE(message.find("UTF-8"), std::string::npos) << message;
}

TEST(JsonText, IsTheSameJsonAndHarmless) {
  const Json value{{"name",
                    "\x1b[31m\xc2\x9b"
                    "2J\x7f \xe2\x80\xae Gr\xc3\xbc\xc3\x9f"
                    "e"}};
  const std::string text = json_text(value);
  EXPECT_EQ(text,
            "{\"name\":\"\\u001b[31m\\u009b2J\\u007f \\u202e Gr\xc3\xbc\xc3\x9f"
            "e\"}");
  EXPECT_EQ(parse_json(text, "x"), value);
  EXPECT_EQ(json_text(Json{"a\xff"}), "[\"a\xef\xbf\xbd\"]");
  EXPECT_EQ(json_text(Json{{"a", 1}}, 2), "{\n  \"a\": 1\n}");
}

}  // namespace
}  // namespace quench
