// In place of codec.cpp in libquench_data.so: the formats are in libquench_codec.so beside it, opened when needed.
#include <dlfcn.h>

#include <filesystem>

#include "core/error.h"
#include "data/pictures/codec.h"

namespace quench::data {
namespace {

Codec open_codec() {
  Dl_info self{};
  dladdr(reinterpret_cast<const void*>(&open_codec), &self);
  const std::filesystem::path path = std::filesystem::path(self.dli_fname).parent_path() / "libquench_codec.so";
  void* library = dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL);
  const void* entry = library ? dlsym(library, kCodecEntry) : nullptr;
  if (!entry) fail(ErrorKind::unsupported, "[data.codec] cannot open {}: {}", path.string(), dlerror());
  return *static_cast<const Codec*>(entry);
}

const Codec& codec() {
  static const Codec opened = open_codec();
  return opened;
}

}  // namespace

cv::Mat decode_picture(const cv::Mat& bytes) { return codec().decode(bytes); }

bool encode_picture(const std::string& extension, const cv::Mat& bgr, std::vector<uint8_t>& bytes,
                    const std::vector<int>& parameters) {
  return codec().encode(extension, bgr, bytes, parameters);
}

}  // namespace quench::data
