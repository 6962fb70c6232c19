#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/sets/file_digests.h"
#include "data/sets/memory_dataset.h"

namespace quench::data {

/// A split that lies whole in a few binary files.
struct PixelFiles {
  std::string name;  ///< which split, and how it is read: "cifar100 train, fine labels"; no two of a folder have one
  std::vector<std::filesystem::path> files;  ///< all that read() reads
  std::function<PixelStore()> read;  ///< throws Error{io} or Error{data} for files that are not as they should be
  int64_t size = -1;                 ///< images; -1: only the files tell
  std::vector<std::string> classes;
};

/// The split, read now; where its digest is known from before, the files are as they were then, so they are read only
/// when an image or a label is asked for. digest() is that of MemoryDataset. Throws what read() throws; the first
/// image or label, Error{data} where the files have changed since.
std::shared_ptr<const Dataset> open_pixel_files(PixelFiles files, std::shared_ptr<FileDigests> digests);

}  // namespace quench::data
