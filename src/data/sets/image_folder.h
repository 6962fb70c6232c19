#pragma once

#include "data/index/set_memory.h"
#include "data/sets/dataset.h"

namespace quench::data {

/// Whether the name ends as an image that is read: png, jpg, jpeg, bmp, webp, tif, tiff in any case.
bool is_image(const std::filesystem::path& path);

/// Whether the name ends as an image of a kind that is not read (gif, heic, avif, ...).
bool is_other_image(const std::filesystem::path& path);

/// The regular files below `folder`, sorted by path, links to folders followed; hidden files and folders (their names
/// begin with a dot) and what systems leave beside files are left out (is_hidden). Throws Error{io}, also for a link to
/// a folder that it lies in.
std::vector<std::filesystem::path> files_below(const std::filesystem::path& folder);

/// Decodes a png, jpeg, bmp, webp or tiff to [h,w,3] uint8 RGB (EXIF orientation applied).
/// Throws Error{io} for a missing file, Error{data} naming the file where it does not decode.
Tensor read_image(const std::filesystem::path& path);
/// The same of a file's bytes. where: for the error.
Tensor decode_image(const std::string& bytes, const std::string& where);

/// train/<class>/*.{png,jpg,jpeg,bmp,webp,tif,tiff}, and test/ (or val/, valid/, validation/) likewise, in any case.
/// Classes are the sorted folder names of train/. val/ beside test/ is the validation split. Hidden files and folders
/// are no data; images of a kind that is not read are counted in issues(). Images decode in at(), and stay in memory as far as they fit (image_cache.h). digest(): sha256 of
/// class names, relative paths and file contents, at the first call. `memory` keeps what was read of the files, and the
/// list of a large set: it is listed again where a folder has changed. Throws Error{io} where a folder is missing;
/// Error{data} where a class has no image or test has a class that train has not.
Splits open_image_folder(const std::filesystem::path& folder, std::shared_ptr<SetMemory> memory = nullptr);

}  // namespace quench::data
