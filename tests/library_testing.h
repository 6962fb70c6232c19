#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// For tests of the C++ library: what they need of the program's own, under names that do not meet include/quench/'s
/// (both have a quench::Error).
namespace library_testing {

/// Writes into a folder: `detector.onnx` and `detector-int8.onnx` (yolov8n, 64 px, classes cup and jug, biased so that
/// they find something in noise), `classifier.onnx` and `classifier-int8.onnx` (yolov5n-cls, 32 px, four classes).
void write_models(const std::string& folder);

/// Noise with some large blots, so that a resize matters: [height,width,3].
std::vector<uint8_t> picture(int height, int width, uint64_t seed);

void write_ppm(const std::string& path, const std::vector<uint8_t>& pixels, int height, int width);

/// By OpenCV, in lab builds alone; the ending says the format.
void write_picture_file(const std::string& path, const std::vector<uint8_t>& pixels, int height, int width);
/// Runs a shell command line; standard output and error together in `out`.
struct Outcome {
  int code = -1;
  std::string out;
};
Outcome run(const std::string& command);

std::string read(const std::string& path);
void write(const std::string& path, const std::string& bytes);

/// A row of what `quench predict` says, as far as it is printed: bbox x y w h to 1e-3 and score to 1e-5; no bbox of a
/// class.
struct Row {
  std::string name;
  double score;
  std::vector<double> bbox;
  bool operator==(const Row&) const = default;
};
Row row(const std::string& name, double score, double x1, double y1, double x2, double y2);
Row row(const std::string& name, double score);
/// Of the one image of `quench predict --format jsonl`.
std::vector<Row> predicted(const std::string& jsonl);

}  // namespace library_testing
