#include <gtest/gtest.h>

#include "core/file_kind.h"
#include "core/text.h"
#include "core/text_encoding.h"

namespace quench {
namespace {

using namespace std::string_literals;

TEST(TextEncoding, MarksAreTakenOffAndUtf16BecomesUtf8) {
  EXPECT_EQ(decoded_text("\xef\xbb\xbf"
                         "a"),
            "a");
  EXPECT_EQ(decoded_text("\xff\xfe"
                         "a\0\x2b\x73"s),
            "a\xe7\x8c\xab");
  EXPECT_EQ(decoded_text("\xfe\xff\0a\x73\x2b"s), "a\xe7\x8c\xab");
  EXPECT_EQ(decoded_text("\xff\xfe\x3d\xd8\x08\xde"s), "\xf0\x9f\x98\x88") << "a surrogate pair";
  EXPECT_EQ(decoded_text("\xff\xfe\x3d\xd8"
                         "a\0"s),
            "\xef\xbf\xbd"
            "a")
      << "half of one";
  EXPECT_EQ(decoded_text("a\0b\0"s), "ab") << "no mark";
  EXPECT_EQ(decoded_text("plain"), "plain");
  EXPECT_EQ(decoded_text(""), "");
}

TEST(TextEncoding, OtherBytesAreGuessed) {
  EXPECT_EQ(probable_encoding("caf\xc3\xa9"), "");
  EXPECT_EQ(probable_encoding("caf\xe9 au lait"), "LATIN1");
  EXPECT_EQ(probable_encoding("\xcd\xb7\xbf\xf8"), "GBK");
  EXPECT_EQ(probable_encoding("\x94\x4c \x8c\xa2"), "SHIFT_JIS");
  EXPECT_NE(not_utf8("a\nb\xe9", "x.yaml").find("0xe9 in line 2"), std::string::npos);
  EXPECT_EQ(not_utf8("a", "x.yaml"), "");
}

TEST(FileKind, SaysWhatAFileIs) {
  EXPECT_NE(file_kind("version https://git-lfs.github.com/spec/v1\n").find("git lfs pull"), std::string::npos);
  EXPECT_NE(file_kind("\n <!DOCTYPE HTML><html>").find("HTML page"), std::string::npos);
  EXPECT_NE(file_kind("\x89HDF\r\n\x1a\n....").find("Keras"), std::string::npos);
  EXPECT_EQ(file_kind(""), "an empty file");
  EXPECT_EQ(file_kind("\x08\x07onnx"), "");
}

TEST(Text, ABeginningGoesBeforeFewEdits) {
  EXPECT_EQ(nearest("--conf", {"--iou", "--confidence"}), "--confidence");
  EXPECT_EQ(nearest("--max", {"--max-detections-in-all", "--max-detections"}), "--max-detections");
}

}  // namespace
}  // namespace quench
