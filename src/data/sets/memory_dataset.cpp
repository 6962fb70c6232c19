#include "data/sets/memory_dataset.h"

#include <cstring>
#include <utility>

#include "core/error.h"
#include "core/hash.h"

namespace quench::data {

MemoryDataset::MemoryDataset(PixelStore store) : store_(std::move(store)) {
  const size_t expected = store_.labels.size() * store_.height * store_.width * 3;
  ensure(store_.pixels.size() == expected, "[data] expected {} bytes of pixels, got {}", expected,
         store_.pixels.size());
}

Sample MemoryDataset::at(int64_t index) const {
  Sample sample;
  sample.label = label(index);
  sample.pixels = Tensor(DType::u8, {store_.height, store_.width, 3});
  const size_t bytes = sample.pixels.size_bytes();
  std::memcpy(sample.pixels.mutable_bytes(), store_.pixels.data() + static_cast<size_t>(index) * bytes, bytes);
  return sample;
}

std::string MemoryDataset::digest() const {
  std::call_once(hashed_, [this] {
    Sha256 hash;
    hash.update(fmt::format("{}x{}x{}\n", store_.labels.size(), store_.height, store_.width));
    for (const std::string& name : store_.classes) hash.update(name + "\n");
    hash.update(std::as_bytes(std::span(store_.labels)));
    hash.update(std::as_bytes(std::span(store_.pixels)));
    digest_ = hash.hex();
  });
  return digest_;
}

}  // namespace quench::data
