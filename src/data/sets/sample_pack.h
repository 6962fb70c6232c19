#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/cancel.h"
#include "core/log.h"
#include "data/sets/dataset.h"
#include "pixels/preparation.h"

namespace quench::data {

struct PackOptions {
  std::string data;   ///< name of the set, for the header
  std::string split;  ///< "train" or "test"
  int imgsz = 0;      ///< side of the square images; 0: 640 for detection, else the short side of image 0
  int workers = 2;    ///< threads that prepare images
  pixels::Preparation preparation = {};  ///< of images that are labelled by class
};

/// Writes a split as a sample pack (pack/file.h): its images in order, prepared as for evaluation (classification:
/// fitted as `preparation` says, detection: letterboxed; without augmentation), with labels, or boxes and how each
/// image was fitted. Images that cannot be read are left out, with a warning. Returns the pack's sha256. Throws
/// Error{config} for an empty split, Error{data}, Error{io}, Error{cancelled}.
std::string write_pack(std::shared_ptr<const Dataset> split, const PackOptions& options,
                       const std::filesystem::path& path, const LogSink& log, const CancelToken& cancel);

}  // namespace quench::data
