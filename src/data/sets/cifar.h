#pragma once

#include "data/sets/dataset.h"
#include "data/sets/file_digests.h"

namespace quench::data {

/// The binary layout of CIFAR (Krizhevsky 2009): records of label bytes and 3072 bytes of planar RGB, 32x32.
struct CifarLayout {
  std::string name;     ///< "cifar100"
  std::string folder;   ///< "cifar-100-binary", the folder inside the official archive
  int label_bytes = 1;  ///< CIFAR-100: coarse, fine
  int class_count = 10;
  std::string names_file;  ///< one class name a line
  std::vector<std::string> train_files;
  int64_t train_records = 0;  ///< in each file
  std::vector<std::string> test_files;
  int64_t test_records = 0;
  int label_byte = -1;  ///< which of the label bytes is used; -1: the last
};

CifarLayout cifar10_layout();
CifarLayout cifar100_layout();
/// CIFAR-100 labelled with its 20 superclasses.
CifarLayout cifar100_coarse_layout();

/// Folders in which the set is looked for, in order.
std::vector<std::filesystem::path> cifar_places(const CifarLayout& layout, const std::filesystem::path& root);

/// Throws Error{io} where no place has the set, Error{data} for a file of another size, a label out of range (file,
/// record, offset) or a wrong number of class names.
/// digests: remembers what the splits hold, so that they are read when they are used; null: nothing is remembered.
Splits open_cifar(const CifarLayout& layout, const std::filesystem::path& root,
                  const std::shared_ptr<FileDigests>& digests = nullptr);

}  // namespace quench::data
