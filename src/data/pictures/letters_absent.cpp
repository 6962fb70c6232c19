// In place of letters.cpp where FreeType was not found: no character beyond ASCII is drawn.
#include "data/pictures/letters.h"

namespace quench::data {

bool has_letter(std::string_view) { return false; }
TextRoom text_room(const std::string&, double) { return {}; }
void draw_letters(cv::Mat&, const std::string&, const cv::Point&, double, uint8_t) {}

}  // namespace quench::data
