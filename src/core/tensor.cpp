#include "core/tensor.h"

#include <cstring>
#include <new>
#include <utility>

#include "core/error.h"

namespace quench {
namespace {

constexpr std::align_val_t kAlignment{64};

std::shared_ptr<std::byte[]> allocate(size_t size_bytes) {
  auto* memory = static_cast<std::byte*>(::operator new[](size_bytes ? size_bytes : 1, kAlignment));
  return {memory, [](std::byte* p) { ::operator delete[](p, kAlignment); }};
}

}  // namespace

Tensor::Tensor(DType dtype, Shape shape) : dtype_(dtype), shape_(std::move(shape)), size_(element_count(shape_)) {
  if (static_cast<uint64_t>(size_) > (uint64_t{1} << 40)) {
    fail(ErrorKind::data, "[core] expected a tensor of less than 2^40 elements, got shape {}", to_string(shape_));
  }
  storage_ = allocate(size_bytes());
  std::memset(storage_.get(), 0, size_bytes());
}

Tensor Tensor::reshaped(Shape shape) const {
  ensure(element_count(shape) == size_, "[core] cannot reshape {} to {}", to_string(shape_), to_string(shape));
  Tensor out = *this;
  out.shape_ = std::move(shape);
  return out;
}

bool Tensor::operator==(const Tensor& other) const {
  return dtype_ == other.dtype_ && shape_ == other.shape_ &&
         (storage_ == other.storage_ || size_ == 0 ||
          std::memcmp(storage_.get(), other.storage_.get(), size_bytes()) == 0);
}

void Tensor::require(DType wanted) const {
  ensure(wanted == dtype_, "[core] expected a {} tensor, got {} {}", to_string(wanted), to_string(dtype_),
         to_string(shape_));
}

void Tensor::detach() {
  if (!storage_ || storage_.use_count() == 1) return;
  auto copy = allocate(size_bytes());
  std::memcpy(copy.get(), storage_.get(), size_bytes());
  storage_ = std::move(copy);
}

void Tensor::assign(const void* source, size_t size_bytes) {
  ensure(size_bytes == this->size_bytes(), "[core] expected {} bytes for {}, got {}", this->size_bytes(),
         to_string(shape_), size_bytes);
  std::memcpy(storage_.get(), source, size_bytes);
}

}  // namespace quench
