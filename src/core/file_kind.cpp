#include "core/file_kind.h"

#include <algorithm>
#include <array>

#include "core/text.h"

namespace quench {
namespace {

struct Magic {
  size_t at;
  std::string_view bytes;
  const char* kind;
};

using namespace std::string_view_literals;

constexpr std::array kMagics{
    Magic{0, "version https://git-lfs"sv, "a Git LFS pointer, not the file itself (`git lfs pull` fetches it)"},
    Magic{0, "\xff\xd8\xff"sv, "a JPEG picture"},
    Magic{0, "\x89PNG\r\n"sv, "a PNG picture"},
    Magic{0, "GIF8"sv, "a GIF picture"},
    Magic{0, "%PDF"sv, "a PDF document"},
    Magic{0, "\x1f\x8b"sv, "a gzip archive (unpack it first)"},
    Magic{0,
          "\xfd"
          "7zXZ\0"sv,
          "an xz archive (unpack it first)"},
    Magic{0, "7z\xbc\xaf\x27\x1c"sv, "a 7z archive (unpack it first)"},
    Magic{0, "Rar!\x1a\x07"sv, "a RAR archive (unpack it first)"},
    Magic{257, "ustar"sv, "a tar archive (unpack it first)"},
    Magic{0, "\x89HDF\r\n\x1a\n"sv, "an HDF5 file, as Keras saves models (it is not read; export it as ONNX)"},
    Magic{4, "TFL3"sv, "a TensorFlow Lite model (it is not read)"},
    Magic{0, "GGUF"sv, "a GGUF file of a language model (it is not read)"},
    Magic{0, "\x93NUMPY"sv, "a NumPy array"},
    Magic{0, "ftrt"sv, "a TensorRT engine (it is of one GPU; give the ONNX file that it was made of)"},
    Magic{0, "ptrt"sv, "a TensorRT engine (it is of one GPU; give the ONNX file that it was made of)"},
    Magic{0, "7767517"sv, "an ncnn model (it is not read; give the .pt or ONNX file that it was made of)"},
    Magic{4, "\x02\0\0\0\x05\0\0\0"sv, "weights of Darknet (they are not read)"},
};

}  // namespace

std::string file_kind(std::string_view bytes) {
  if (bytes.empty()) return "an empty file";
  for (const Magic& magic : kMagics) {
    if (bytes.size() > magic.at && bytes.substr(magic.at).starts_with(magic.bytes)) return magic.kind;
  }
  std::string_view text = bytes.starts_with("\xef\xbb\xbf") ? bytes.substr(3) : bytes;
  while (!text.empty() && (text[0] == ' ' || text[0] == '\n' || text[0] == '\r' || text[0] == '\t')) {
    text.remove_prefix(1);
  }
  const std::string begin = lower(text.substr(0, 512));
  if (begin.starts_with("<!doctype html") || begin.starts_with("<html") || begin.starts_with("<head")) {
    return "an HTML page, as a server sends in the place of a file (download it again, by the link of the file itself)";
  }
  if (begin.starts_with("<?xml") || begin.starts_with("<net ")) {
    return begin.find("<net ") != std::string::npos
               ? "an OpenVINO model (it is not read; give the .pt or ONNX file that it was made of)"
               : "XML";
  }
  if (begin.starts_with('{') || begin.starts_with('[')) return "text, as JSON is";
  return {};
}

}  // namespace quench
