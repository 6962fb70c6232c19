#include "agent/pictures.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "agent/camera.h"
#include "agent/tar_file.h"
#include "core/error.h"
#include "core/file.h"
#include "core/text.h"
#include "picture_files/decode.h"

namespace quench::agent {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kLargestFile = int64_t{1} << 29;  ///< bytes of a picture file: none of its size decodes

Tensor decode_file(const fs::path& path) {
  if (const auto size = static_cast<int64_t>(fs::file_size(path)); size > kLargestFile) {
    fail(ErrorKind::data, "[agent.pictures] expected a picture of at most {} bytes, got {} ({})", kLargestFile, size,
         path.string());
  }
  return picture_files::decode_picture(read_file(path), path.string());
}

/// Pictures that are known beforehand.
class Listed : public PictureSource {
 public:
  explicit Listed(std::vector<Picture> pictures) : pictures_(std::move(pictures)) {}
  int64_t count() const override { return static_cast<int64_t>(pictures_.size()); }
  std::optional<Picture> next() override {
    if (next_ == pictures_.size()) return std::nullopt;
    return pictures_[next_++];
  }

 private:
  std::vector<Picture> pictures_;
  size_t next_ = 0;
};

/// By its magic number: what a workstation sends has no name.
bool is_tar(const fs::path& path) {
  std::array<char, 5> magic{};
  return InputFile(path).read(257, std::as_writable_bytes(std::span(magic))) &&
         std::string_view(magic.data(), magic.size()) == "ustar";
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

void add_file(std::vector<Picture>& out, std::string name, const fs::path& path) {
  Picture& picture = out.emplace_back();
  picture.name = std::move(name);
  picture.file = path;
  picture.decode = [path] { return decode_file(path); };
}

/// Says which pictures of a source cannot be read here. others: names of files that are not taken.
void tell_others(const std::string& source, const std::vector<std::string>& others, const LogSink& log) {
  constexpr std::array<std::string_view, 9> kKinds{".avif", ".bmp", ".gif",  ".heic", ".jp2",
                                                   ".tga",  ".tif", ".tiff", ".webp"};
  std::vector<std::string> pictures;
  for (const std::string& name : others) {
    if (std::ranges::find(kKinds, lower(fs::path(name).extension().string())) != kKinds.end()) pictures.push_back(name);
  }
  if (pictures.empty()) return;
  std::ranges::sort(pictures);
  log.warning(fmt::format("{}: {} of other kinds than JPEG, PNG and PPM left out, the first: {}", source,
                          counted(static_cast<int64_t>(pictures.size()), "picture"), pictures.front()));
}

void add_folder(std::vector<Picture>& out, const fs::path& folder, const LogSink& log) {
  std::vector<fs::path> found;
  std::vector<std::string> others;
  for (fs::recursive_directory_iterator at(folder), end; at != end; ++at) {
    const bool hidden = is_hidden(at->path());
    if (at->is_directory()) {
      if (hidden) at.disable_recursion_pending();
    } else if (!hidden && at->is_regular_file()) {
      if (picture_files::is_picture_name(at->path().string())) {
        found.push_back(at->path());
      } else {
        others.push_back(at->path().lexically_relative(folder).generic_string());
      }
    }
  }
  tell_others(folder.string(), others, log);
  std::ranges::sort(found);
  for (const fs::path& path : found) add_file(out, path.lexically_relative(folder).generic_string(), path);
}

void add_list(std::vector<Picture>& out, const fs::path& list) {
  for (std::string line : split_text(read_file(list), '\n')) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) continue;
    const fs::path path = list.parent_path() / line;
    if (!fs::is_regular_file(path)) {
      fail(ErrorKind::config, "[agent.pictures] {} lists {}, which is no file", list.string(), path.string());
    }
    fs::path name;  // what leads out of the list's folder is no part of it
    for (const fs::path& part : fs::path(line).relative_path().lexically_normal()) {
      if (part != "..") name /= part;
    }
    add_file(out, name.generic_string(), path);
  }
}

void add_archive(std::vector<Picture>& out, const fs::path& archive, const LogSink& log) {
  std::vector<std::string> others;
  for (const TarMember& member : tar_members(archive)) {
    if (!picture_files::is_picture_name(member.name)) {
      others.push_back(member.name);
      continue;
    }
    Picture& picture = out.emplace_back();
    picture.name = member.name;
    picture.decode = [archive, member] {
      if (member.size > kLargestFile) {
        fail(ErrorKind::data, "[agent.pictures] expected a picture of at most {} bytes, got {} ({})", kLargestFile,
             member.size, member.name);
      }
      return picture_files::decode_picture(read_member(archive, member), member.name);
    };
  }
  tell_others(archive.string(), others, log);
}

/// The device file of a camera; empty where the source names none.
fs::path camera_of(const std::string& source) {
  if (source.starts_with("/dev/video")) return source;
  const bool number =
      !source.empty() && source.size() <= 3 && std::ranges::all_of(source, [](char c) { return c >= '0' && c <= '9'; });
  return number && !fs::exists(source) ? fs::path("/dev/video" + source) : fs::path();
}

}  // namespace

std::unique_ptr<PictureSource> open_pictures(const std::vector<std::string>& sources, const CameraWish& wish,
                                             const LogSink& log) {
  if (sources.empty())
    fail(ErrorKind::config, "[agent.pictures] expected pictures, a folder, a list, a tar or a camera");
  std::vector<Picture> pictures;
  for (const std::string& source : sources) {
    if (const fs::path camera = camera_of(source); !camera.empty()) {
      if (sources.size() > 1) fail(ErrorKind::config, "[agent.pictures] expected a camera alone, got more sources");
      return open_camera(camera, wish);
    }
    const fs::path path = source;
    const std::string ending = lower(path.extension().string());
    if (fs::is_directory(path)) {
      add_folder(pictures, path, log);
    } else if (!fs::is_regular_file(path)) {
      fail(ErrorKind::config, "[agent.pictures] expected a picture, a folder, a list, a tar or a camera, got {}",
           source);
    } else if (ending == ".txt") {
      add_list(pictures, path);
    } else if (is_tar(path)) {
      add_archive(pictures, path, log);
    } else {
      add_file(pictures, path.filename().string(), path);
    }
  }
  if (pictures.empty()) {
    fail(ErrorKind::data, "[agent.pictures] expected JPEG, PNG or PPM pictures, got none in {}", sources.front());
  }
  return std::make_unique<Listed>(std::move(pictures));
}

}  // namespace quench::agent
