#pragma once

#include "data/sets/dataset.h"
#include "data/sets/file_digests.h"

namespace quench::data {

/// The array in an IDX file (LeCun et al., the MNIST page): bytes of unsigned type, gzip or plain.
struct IdxArray {
  std::vector<int64_t> shape;
  std::string bytes;
};

/// Throws Error{io} for a missing file, Error{data} for a damaged gzip stream, another magic number (wanted: 8-bit
/// unsigned of `rank` dimensions) or another length than its header says (expected bytes and got).
IdxArray read_idx(const std::filesystem::path& path, int rank);

/// Folders in which Fashion-MNIST is looked for: below root, then Debian's package dataset-fashion-mnist.
std::vector<std::filesystem::path> fashion_mnist_places(const std::filesystem::path& root);

/// Fashion-MNIST (Xiao et al. 2017): 60,000 + 10,000 gray images of 28x28, replicated to RGB. `places` as above.
/// Throws Error{io} where missing, Error{data} for damaged files.
/// digests: as for open_cifar().
Splits open_fashion_mnist(const std::vector<std::filesystem::path>& places,
                          const std::shared_ptr<FileDigests>& digests = nullptr);

}  // namespace quench::data
