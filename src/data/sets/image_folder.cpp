#include "data/sets/image_folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "core/file_kind.h"
#include "core/hash.h"
#include "core/text.h"
#include "data/pictures/codec.h"
#include "data/sets/file_finder.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string>& image_extensions() {
  static const std::vector<std::string> extensions{".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"};
  return extensions;
}

const char* const kOtherKind = "a kind of image that is not read: left out";

struct File {
  fs::path path;
  int32_t label;
};

class ImageFolder : public Dataset {
 public:
  ImageFolder(fs::path folder, std::vector<File> files, std::vector<std::string> classes,
              std::vector<LabelIssue> issues, std::shared_ptr<FileDigests> digests)
      : folder_(std::move(folder)),
        files_(std::move(files)),
        classes_(std::move(classes)),
        issues_(std::move(issues)),
        digests_(std::move(digests)) {}

  int64_t size() const override { return static_cast<int64_t>(files_.size()); }
  const std::vector<std::string>& classes() const override { return classes_; }
  int32_t label(int64_t index) const override { return files_.at(static_cast<size_t>(index)).label; }
  fs::path file(int64_t index) const override { return files_.at(static_cast<size_t>(index)).path; }
  Sample at(int64_t index) const override {
    const File& file = files_.at(static_cast<size_t>(index));
    return {read_image(file.path), file.label, {}};
  }
  std::vector<LabelIssue> issues() const override { return issues_; }
  std::string digest() const override {
    std::call_once(hashed_, [this] {
      Sha256 hash;
      for (const std::string& name : classes_) hash.update(name + "\n");
      for (const File& file : files_) {
        hash.update(
            fmt::format("{} {}\n", file.path.lexically_relative(folder_).generic_string(), digests_->of(file.path)));
      }
      digests_->save();
      digest_ = hash.hex();
    });
    return digest_;
  }

 private:
  fs::path folder_;
  std::vector<File> files_;
  std::vector<std::string> classes_;
  std::vector<LabelIssue> issues_;
  std::shared_ptr<FileDigests> digests_;
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

std::shared_ptr<const Dataset> read_split(const fs::path& folder, const std::vector<std::string>& classes,
                                          const std::shared_ptr<FileDigests>& digests) {
  std::vector<File> files;
  std::vector<LabelIssue> issues;
  for (const std::string& name : class_folders(folder)) {
    const auto found = std::lower_bound(classes.begin(), classes.end(), name);
    if (found == classes.end() || *found != name) {
      fail(ErrorKind::data, "[data.folder] expected only classes of train/, got '{}'{} ({})", name,
           suggestion(name, classes), folder.string());
    }
    const size_t before = files.size();
    for (const fs::path& path : files_below(folder / name)) {
      if (is_image(path)) files.push_back({path, static_cast<int32_t>(found - classes.begin())});
      if (is_other_image(path)) issues.push_back({path.string(), 0, kOtherKind, "image"});
    }
    if (files.size() == before) {
      fail(ErrorKind::data, "[data.folder] expected png, jpg, bmp, webp or tif images, got none ({})",
           (folder / name).string());
    }
  }
  if (files.empty()) {
    fail(ErrorKind::data, "[data.folder] expected a folder of images for each class, got none ({})", folder.string());
  }
  return std::make_shared<ImageFolder>(folder, std::move(files), classes, std::move(issues), digests);
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

/// What a folder is, whatever links lead there: device and inode.
using FileId = std::pair<dev_t, ino_t>;

FileId id_of(const fs::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    const int code = errno;
    fail(ErrorKind::io, "[data.folder] cannot list {}: {}", path.string(), std::strerror(code));
  }
  return {info.st_dev, info.st_ino};
}

}  // namespace

bool is_image(const fs::path& path) {
  const auto& known = image_extensions();
  return std::find(known.begin(), known.end(), lower(path.extension().string())) != known.end();
}

bool is_other_image(const fs::path& path) {
  static const std::vector<std::string> others{".gif", ".heic", ".heif", ".avif", ".jp2", ".jxl",
                                               ".ppm", ".pgm",  ".tga",  ".dng",  ".psd", ".svg"};
  return std::find(others.begin(), others.end(), lower(path.extension().string())) != others.end();
}

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code code;
  std::vector<FileId> above{id_of(folder)};  // of the folders that we are in, by depth
  fs::recursive_directory_iterator at(folder, fs::directory_options::follow_directory_symlink, code);
  for (const fs::recursive_directory_iterator end; !code && at != end; at.increment(code)) {
    std::error_code ignored;  // a broken link is neither
    const bool is_folder = at->is_directory(ignored);
    if (is_hidden(at->path())) {
      if (is_folder) at.disable_recursion_pending();
    } else if (is_folder) {
      above.resize(static_cast<size_t>(at.depth()) + 1);
      above.push_back(id_of(at->path()));
      if (std::find(above.begin(), above.end() - 1, above.back()) != above.end() - 1) {
        fail(ErrorKind::io, "[data.folder] expected folders that end, got a link to a folder that it lies in: {}",
             at->path().string());
      }
    } else if (at->is_regular_file(ignored)) {
      found.push_back(at->path());
    }
  }
  if (code) fail(ErrorKind::io, "[data.folder] cannot list {}: {}", folder.string(), code.message());
  std::sort(found.begin(), found.end());
  return found;
}

Tensor read_image(const fs::path& path) {
  const std::string bytes = read_file(path);
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
         path.string());
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

Splits open_image_folder(const fs::path& folder, std::shared_ptr<FileDigests> digests) {
  if (!digests) digests = std::make_shared<FileDigests>(fs::path());
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
  const std::vector<std::string> classes = class_folders(train);
  std::string name = folder.filename().string();
  if (name.empty()) name = folder.parent_path().filename().string();
  Splits splits{name, read_split(train, classes, digests), read_split(test, classes, digests)};
  if (!tested.empty() && !validation.empty()) splits.validation = read_split(validation, classes, digests);
  return splits;
}

}  // namespace quench::data
