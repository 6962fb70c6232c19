// What a model of quench says of picture files, which OpenCV decodes: pictures MODEL.onnx PICTURE...
// A line an object, as `quench-agent predict --format tab` prints it: file, name, score, x, y, width, height.
#include <quench/quench.h>

#include <cstddef>
#include <cstdio>
#include <exception>
#include <opencv2/imgcodecs.hpp>
#include <stdexcept>
#include <string>

int main(int argc, char** argv) try {
  if (argc < 3) throw std::runtime_error("usage: pictures MODEL.onnx PICTURE...");
  quench::Model model(argv[1]);
  for (int i = 2; i < argc; ++i) {
    const std::string path = argv[i];
    const cv::Mat pixels = cv::imread(path, cv::IMREAD_COLOR);
    if (pixels.empty()) throw std::runtime_error("no picture: " + path);
    const quench::ImageView image(pixels.data, pixels.rows, pixels.cols, static_cast<std::ptrdiff_t>(pixels.step),
                                  quench::PixelOrder::bgr);
    const std::string file = path.substr(path.rfind('/') + 1);
    for (const quench::Detection& found : model.detect(image)) {
      const quench::Box& box = found.box;
      std::printf("%s\t%s\t%.5f\t%.3f\t%.3f\t%.3f\t%.3f\n", file.c_str(), model.class_name(found.label).c_str(),
                  found.score, box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1);
    }
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "pictures: %s\n", error.what());
  return 1;
}
