#include "data/pictures/letters.h"

#include <ft2build.h>
#include FT_FREETYPE_H

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <mutex>
#include <vector>

#include "core/utf8.h"

namespace quench::data {
namespace {

/// Where Debian's packages put fonts: DejaVu (Latin, Greek, Cyrillic, Arabic, ...), then those of Chinese, Japanese and
/// Korean, of other scripts, and Unifont, which has nearly all.
constexpr std::array<const char*, 14> kFonts{
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansDevanagari-Regular.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansThai-Regular.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansBengali-Regular.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansTamil-Regular.ttf",
    "/usr/share/fonts/truetype/freefont/FreeSans.ttf",
    "/usr/share/fonts/opentype/unifont/unifont.otf",
    "/usr/share/fonts/truetype/unifont/unifont.ttf",
};
constexpr double kCapitalOfEm = 0.73;  ///< height of DejaVu's capitals

uint32_t code_of(std::string_view character) {
  const auto at = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(character[i])); };
  switch (character.size()) {
    case 1: return at(0);
    case 2: return (at(0) & 0x1f) << 6 | (at(1) & 0x3f);
    case 3: return (at(0) & 0x0f) << 12 | (at(1) & 0x3f) << 6 | (at(2) & 0x3f);
    default: return (at(0) & 0x07) << 18 | (at(1) & 0x3f) << 12 | (at(2) & 0x3f) << 6 | (at(3) & 0x3f);
  }
}

/// The fonts that this machine has. FreeType's faces have a state, so that one thread draws at a time.
class Fonts {
 public:
  Fonts() {
    if (FT_Init_FreeType(&library_) != 0) return;
    for (const char* file : kFonts) {
      FT_Face face = nullptr;
      if (FT_New_Face(library_, file, 0, &face) == 0) faces_.push_back(face);
    }
  }
  ~Fonts() {
    if (library_) FT_Done_FreeType(library_);  // and its faces
  }
  Fonts(const Fonts&) = delete;
  Fonts& operator=(const Fonts&) = delete;

  std::mutex& mutex() { return mutex_; }
  /// The first font that has the character; null where none has.
  FT_Face face_of(uint32_t code) const {
    const auto found = std::ranges::find_if(faces_, [&](FT_Face face) { return FT_Get_Char_Index(face, code) != 0; });
    return found == faces_.end() ? nullptr : *found;
  }

 private:
  FT_Library library_ = nullptr;
  std::vector<FT_Face> faces_;
  std::mutex mutex_;
};

Fonts& fonts() {
  static Fonts opened;
  return opened;
}

/// Goes through the text's glyphs, rendered, each with its place on the line.
void each_glyph(const std::string& text, double capital, const std::function<void(FT_GlyphSlot, int)>& take) {
  const std::lock_guard lock(fonts().mutex());
  const auto pixels = static_cast<FT_UInt>(std::max<long>(1, std::lround(capital / kCapitalOfEm)));
  std::string_view rest = text;
  int x = 0;
  while (const size_t length = utf8_character(rest)) {
    const uint32_t code = code_of(rest.substr(0, length));
    rest.remove_prefix(length);
    const FT_Face face = fonts().face_of(code);
    if (!face || FT_Set_Pixel_Sizes(face, 0, pixels) != 0 || FT_Load_Char(face, code, FT_LOAD_RENDER) != 0) continue;
    if (face->glyph->bitmap.pixel_mode == FT_PIXEL_MODE_GRAY) take(face->glyph, x);
    x += static_cast<int>(face->glyph->advance.x >> 6);
  }
}

}  // namespace

bool has_letter(std::string_view text) {
  const size_t length = utf8_character(text);
  const std::lock_guard lock(fonts().mutex());
  return length > 0 && fonts().face_of(code_of(text.substr(0, length))) != nullptr;
}

TextRoom text_room(const std::string& text, double capital) {
  TextRoom room{0, static_cast<int>(std::lround(capital)), 0};
  each_glyph(text, capital, [&](FT_GlyphSlot glyph, int x) {
    const int right = x + std::max(static_cast<int>(glyph->advance.x >> 6),
                                   glyph->bitmap_left + static_cast<int>(glyph->bitmap.width));
    room.width = std::max(room.width, right);
    room.above = std::max(room.above, glyph->bitmap_top);
    room.below = std::max(room.below, static_cast<int>(glyph->bitmap.rows) - glyph->bitmap_top);
  });
  return room;
}

void draw_letters(cv::Mat& drawing, const std::string& text, const cv::Point& at, double capital, uint8_t gray) {
  each_glyph(text, capital, [&](FT_GlyphSlot glyph, int x) {
    const FT_Bitmap& bitmap = glyph->bitmap;
    for (int row = 0; row < static_cast<int>(bitmap.rows); ++row) {
      const int y = at.y - glyph->bitmap_top + row;
      if (y < 0 || y >= drawing.rows) continue;
      for (int column = 0; column < static_cast<int>(bitmap.width); ++column) {
        const int left = at.x + x + glyph->bitmap_left + column;
        if (left < 0 || left >= drawing.cols) continue;
        const int alpha = bitmap.buffer[row * bitmap.pitch + column];
        uint8_t* pixel = drawing.ptr<uint8_t>(y) + 3 * left;
        for (int c = 0; c < 3; ++c) {
          pixel[c] = static_cast<uint8_t>((pixel[c] * (255 - alpha) + gray * alpha + 127) / 255);
        }
      }
    }
  });
}

}  // namespace quench::data
