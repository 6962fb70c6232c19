#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace quench::data {

/// The bytes of an image file of [h,w,3] uint8 RGB, in the format that the extension of `name` says. quality: of JPEG.
/// Throws as write_image does.
std::string encoded_image(const std::filesystem::path& name, const Tensor& pixels, int quality = 95);

/// Encodes [h,w,3] uint8 RGB as the extension says (png, jpg, jpeg, bmp, webp, tif in any case; JPEG at quality 95) and
/// replaces the file as a whole; makes parent folders. Reading: read_image (image_folder.h).
/// Throws Error{config} for another extension, Error{data} for a size that the format cannot hold, Error{io} where the
/// file cannot be written; all name it.
void write_image(const std::filesystem::path& path, const Tensor& pixels);

/// The images (by is_image) in a folder and the folders below it, sorted by path. Hidden files and folders are left
/// out, and so is the folder `except`. others: images of a kind that is not read (is_other_image) are added to it.
/// Throws Error{io} where the folder cannot be read.
std::vector<std::filesystem::path> list_images(const std::filesystem::path& folder,
                                               const std::filesystem::path& except = {},
                                               std::vector<std::filesystem::path>* others = nullptr);

}  // namespace quench::data
