#pragma once

#include <opencv2/core.hpp>
#include <string>
#include <string_view>

namespace quench::data {

/// Text beyond ASCII on pictures, in the system's fonts (FreeType): each character in the first of them that has it.
/// Characters stand side by side as they come; scripts that join or reorder letters are drawn without that.

/// Whether a font has the character that `text` begins with (UTF-8). False where there are no fonts, or in a build
/// without FreeType.
bool has_letter(std::string_view text);

/// How much room a text takes at that height of capital letters, in pixels.
struct TextRoom {
  int width = 0;
  int above = 0;  ///< of the baseline
  int below = 0;
};
TextRoom text_room(const std::string& text, double capital);

/// Draws on [h,w,3] uint8 from `at` on (the baseline's left end), in that gray; what reaches beyond is cut.
void draw_letters(cv::Mat& drawing, const std::string& text, const cv::Point& at, double capital, uint8_t gray);

}  // namespace quench::data
