#include "data/sets/image_folder.h"

#include <algorithm>
#include <iterator>
#include <mutex>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "core/file_kind.h"
#include "core/hash.h"
#include "core/text.h"
#include "data/index/contents.h"
#include "data/index/listing.h"
#include "data/pictures/codec.h"
#include "data/sets/file_finder.h"
#include "data/sets/image_cache.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string>& image_extensions() {
  static const std::vector<std::string> extensions{".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"};
  return extensions;
}

const char* const kOtherKind = "a kind of image that is not read: left out";

/// A split of class folders, over an index whose folders are relative to it.
class ImageFolder : public Dataset {
 public:
  ImageFolder(fs::path folder, std::shared_ptr<const SetIndex> index, size_t split, std::shared_ptr<ImageCache> cache,
              std::shared_ptr<SetMemory> memory)
      : folder_(std::move(folder)),
        index_(std::move(index)),
        split_(index_->splits.at(split)),
        classes_(split_.classes()),
        cache_(std::move(cache)),
        memory_(std::move(memory)) {}

  int64_t size() const override { return split_.size(); }
  const std::vector<std::string>& classes() const override { return classes_; }
  int32_t label(int64_t index) const override { return split_.label(index); }
  fs::path file(int64_t index) const override { return folder_ / split_.folder(index) / split_.name(index); }
  Sample at(int64_t index) const override { return {cache_->get(file(index)), label(index), {}}; }
  std::vector<LabelIssue> issues() const override { return split_.issues(); }
  std::string digest() const override {
    std::call_once(hashed_, [this] {
      Sha256 hash;
      for (const std::string& name : classes_) hash.update(name + "\n");
      const std::string key = "folder " + fs::absolute(folder_).lexically_normal().string();
      use_contents(
          size(), [&](int64_t i) { return file(i); }, *memory_, key,
          [&](int64_t i, const std::string& sha256) {
            hash.update(fmt::format("{}/{} {}\n", split_.folder(i), split_.name(i), sha256));
          });
      digest_ = hash.hex();
    });
    return digest_;
  }

 private:
  fs::path folder_;
  std::shared_ptr<const SetIndex> index_;
  const PictureIndex& split_;
  std::vector<std::string> classes_;
  std::shared_ptr<ImageCache> cache_;
  std::shared_ptr<SetMemory> memory_;
  mutable std::once_flag hashed_;
  mutable std::string digest_;
};

std::vector<std::string> class_folders(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_directory() && !is_hidden(entry.path())) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

IndexBuilder list_split(const fs::path& folder, const std::vector<std::string>& classes, SetMemory& memory,
                        std::vector<Sign>& signs) {
  IndexBuilder built;
  signs.push_back(sign_of(fs::absolute(folder)));
  for (const std::string& name : class_folders(folder)) {
    const auto found = std::lower_bound(classes.begin(), classes.end(), name);
    if (found == classes.end() || *found != name) {
      fail(ErrorKind::data, "[data.folder] expected only classes of train/, got '{}'{} ({})", name,
           suggestion(name, classes), folder.string());
    }
    const int64_t before = built.size();
    Listing listing = list_below(folder / name);
    for (const std::string& file : listing.files) {
      const size_t slash = file.rfind('/') + 1;  // npos + 1 is 0
      const std::string below = slash == 0 ? name : name + "/" + file.substr(0, slash - 1);
      if (is_image(file))
        built.add(below, std::string_view(file).substr(slash), static_cast<int32_t>(found - classes.begin()));
      if (is_other_image(file)) built.add_issue({(folder / name / file).string(), 0, kOtherKind, "image"});
    }
    std::ranges::move(listing.folders, std::back_inserter(signs));
    if (built.size() == before) {
      fail(ErrorKind::data, "[data.folder] expected png, jpg, bmp, webp or tif images, got none ({})",
           (folder / name).string());
    }
    memory.show(fmt::format("listing {}: {} pictures", folder.string(), built.size()));
  }
  if (built.size() == 0) {
    fail(ErrorKind::data, "[data.folder] expected a folder of images for each class, got none ({})", folder.string());
  }
  built.set_classes(classes);
  return built;
}

/// Where the first scan of a JPEG begins, or its size: a preview inside the headers has an end of image of its own.
size_t jpeg_scan(const std::string& bytes) {
  for (size_t at = 2; at + 4 <= bytes.size() && bytes[at] == '\xff';) {
    const auto marker = static_cast<uint8_t>(bytes[at + 1]);
    if (marker == 0xda) return at;
    const bool bare = marker == 0xff || marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7);
    if (marker == 0xff) {
      ++at;
    } else {
      at += bare ? 2 : 2 + (size_t{static_cast<uint8_t>(bytes[at + 2])} << 8 | static_cast<uint8_t>(bytes[at + 3]));
    }
  }
  return bytes.size();
}

/// Why the bytes cannot be a whole image, or empty. Decoders fill the missing part of a truncated file with gray
/// instead of failing, and write to stderr.
std::string damage(const std::string& bytes) {
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) {
    for (size_t at = 8; at + 12 <= bytes.size();) {
      uint32_t length = 0;
      for (size_t i = 0; i < 4; ++i) length = length << 8 | static_cast<uint8_t>(bytes[at + i]);
      if (bytes.compare(at + 4, 4, "IEND") == 0) return {};
      at += 12 + size_t{length};
    }
    return "truncated PNG (no IEND)";
  }
  if (bytes.starts_with("\xff\xd8\xff") && bytes.find("\xff\xd9", jpeg_scan(bytes)) == std::string::npos) {
    return "truncated JPEG (no end of image)";
  }
  return bytes.empty() ? "empty file" : "";
}

}  // namespace

namespace {

/// The end of a name from its last dot on, in lower case; empty where there is none.
std::string extension_of(const fs::path& path) {
  const std::string_view text = path.native();
  const size_t dot = text.rfind('.');
  if (dot == text.npos || dot == 0 || text.find('/', dot) != text.npos || text[dot - 1] == '/') return {};
  return lower(std::string(text.substr(dot)));
}

}  // namespace

bool is_image(const fs::path& path) {
  const auto& known = image_extensions();
  return std::find(known.begin(), known.end(), extension_of(path)) != known.end();
}

bool is_other_image(const fs::path& path) {
  static const std::vector<std::string> others{".gif", ".heic", ".heif", ".avif", ".jp2", ".jxl",
                                               ".ppm", ".pgm",  ".tga",  ".dng",  ".psd", ".svg"};
  return std::find(others.begin(), others.end(), extension_of(path)) != others.end();
}

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const std::string& file : list_below(folder).files) found.push_back(folder / file);
  return found;
}

Tensor read_image(const fs::path& path) { return decode_image(read_file(path), path.string()); }

Tensor decode_image(const std::string& bytes, const std::string& where) {
  cv::Mat image;
  std::string reason = damage(bytes);
  if (reason.empty() && bytes.size() < (size_t{1} << 31)) {
    const std::string kind = file_kind(bytes);
    reason = kind.empty() || kind.ends_with("picture") ? "not an image or damaged" : kind;
    const cv::Mat raw(1, static_cast<int>(bytes.size()), CV_8U, const_cast<char*>(bytes.data()));
    try {
      image = decode_picture(raw);
    } catch (const cv::Exception& error) {
      reason = error.err;
    }
  }
  if (image.empty()) {
    fail(ErrorKind::data, "[data.folder] expected an image that decodes, got {} bytes: {} ({})", bytes.size(), reason,
         where);
  }
  Tensor pixels(DType::u8, {image.rows, image.cols, 3});
  auto* out = reinterpret_cast<uint8_t*>(pixels.mutable_bytes());
  for (int y = 0; y < image.rows; ++y) {
    const uint8_t* in = image.ptr<uint8_t>(y);
    for (int x = 0; x < image.cols; ++x, in += 3, out += 3) {
      out[0] = in[2];
      out[1] = in[1];
      out[2] = in[0];
    }
  }
  return pixels;
}

Splits open_image_folder(const fs::path& folder, std::shared_ptr<SetMemory> memory) {
  if (!memory) memory = std::make_shared<SetMemory>(fs::path(), Opening());
  if (!fs::is_directory(folder)) {
    fail(ErrorKind::io, "[data.folder] expected a folder with train/<class>/*.png, got {} ({})",
         fs::exists(folder) ? "a file" : "nothing", folder.string());
  }
  const fs::path train = folder_of_split(folder, "train"), validation = folder_of_split(folder, "val");
  const fs::path tested = folder_of_split(folder, "test"), test = tested.empty() ? validation : tested;
  if (train.empty() || test.empty()) {
    fail(ErrorKind::io,
         "[data.folder] expected train/<class>/*.png and test/ or val/ (valid/, validation/) likewise, got no {} ({})",
         train.empty() ? "train/" : "test/ or val/", folder.string());
  }
  std::vector<fs::path> folders{train, test};
  if (!tested.empty() && !validation.empty()) folders.push_back(validation);
  std::string key = "class folders";
  for (const fs::path& split : folders) key += "\n" + fs::absolute(split).lexically_normal().string();
  std::shared_ptr<const SetIndex> index = memory->find(key);
  if (!index) {
    const std::vector<std::string> classes = class_folders(train);
    std::vector<IndexBuilder> splits;
    std::vector<Sign> signs;
    for (const fs::path& split : folders) splits.push_back(list_split(split, classes, *memory, signs));
    index = memory->keep(key, std::move(splits), signs, {}, 0, folder.string());
  }
  std::string name = folder.filename().string();
  if (name.empty()) name = folder.parent_path().filename().string();
  const auto cache = std::make_shared<ImageCache>();
  const auto split = [&](size_t i) { return std::make_shared<ImageFolder>(folders[i], index, i, cache, memory); };
  Splits splits{name, split(0), split(1)};
  if (folders.size() > 2) splits.validation = split(2);
  return splits;
}

}  // namespace quench::data
