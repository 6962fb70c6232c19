// What a model of quench says of a picture: example MODEL.onnx PICTURE.ppm (binary PPM, which any image tool writes).
#include <quench/quench.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <vector>

int main(int argc, char** argv) try {
  if (argc != 3) throw std::runtime_error("usage: example MODEL.onnx PICTURE.ppm");
  std::ifstream file(argv[2], std::ios::binary);
  std::string kind;
  int width = 0, height = 0, most = 0;
  file >> kind >> width >> height >> most;
  file.get();
  if (kind != "P6" || most != 255 || width < 1 || height < 1) throw std::runtime_error("expected a PPM of 8 bits");
  std::vector<std::uint8_t> pixels(3 * static_cast<std::size_t>(width) * height);
  if (!file.read(reinterpret_cast<char*>(pixels.data()), pixels.size())) throw std::runtime_error("it is cut short");
  const quench::ImageView image(pixels.data(), height, width);

  quench::Model model(argv[1]);
  if (model.task() == quench::Task::detect) {
    for (const quench::Detection& found : model.detect(image)) {
      const quench::Box& box = found.box;
      std::printf("%s %.5f %.3f %.3f %.3f %.3f\n", model.class_name(found.label).c_str(), found.score, box.x1, box.y1,
                  box.x2, box.y2);
    }
  } else {
    for (const quench::ClassScore& likely : model.classify(image)) {
      std::printf("%s %.5f\n", model.class_name(likely.label).c_str(), likely.score);
    }
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "example: %s\n", error.what());
  return 1;
}
