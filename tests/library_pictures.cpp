#include <algorithm>

#include "data/pictures/image_file.h"
#include "library_testing.h"

namespace library_testing {

void write_picture_file(const std::string& path, const std::vector<uint8_t>& pixels, int height, int width) {
  quench::data::write_image(path, quench::Tensor::from(pixels, {height, width, 3}));
}

}  // namespace library_testing
