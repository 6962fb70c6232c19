#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "core/dtype.h"
#include "core/shape.h"

namespace quench {

/// Dense row-major host tensor with value semantics. Copies share storage until one is written to
/// (copy on write), so copying a Graph does not copy its weights. Storage is 64-byte aligned.
/// Concurrent reads are safe; a write needs exclusive ownership of that Tensor object.
class Tensor {
 public:
  Tensor() = default;
  /// Zero-filled. Throws Error{data} where the size overflows.
  Tensor(DType dtype, Shape shape);

  /// Copies `values` (as many as `shape` holds; else Error{internal}).
  template <typename T>
  static Tensor from(std::span<const T> values, Shape shape) {
    Tensor out(DTypeOf<T>::value, std::move(shape));
    out.assign(values.data(), values.size_bytes());
    return out;
  }
  template <typename T>
  static Tensor from(const std::vector<T>& values, Shape shape) {
    return from(std::span<const T>(values), std::move(shape));
  }

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int64_t size() const { return size_; }
  size_t size_bytes() const { return static_cast<size_t>(size_) * size_of(dtype_); }
  bool empty() const { return size_ == 0; }

  /// Typed read access. Throws Error{internal} where T is not the dtype.
  template <typename T>
  std::span<const T> values() const {
    require(DTypeOf<T>::value);
    return {reinterpret_cast<const T*>(storage_.get()), static_cast<size_t>(size_)};
  }
  /// Typed write access; detaches from copies first.
  template <typename T>
  std::span<T> mutable_values() {
    require(DTypeOf<T>::value);
    detach();
    return {reinterpret_cast<T*>(storage_.get()), static_cast<size_t>(size_)};
  }
  /// Whether another Tensor holds the same storage, so that a write would copy it.
  bool shared() const { return storage_.use_count() > 1; }
  const std::byte* bytes() const { return storage_.get(); }
  std::byte* mutable_bytes() {
    detach();
    return storage_.get();
  }

  /// The same values under another shape of equal size; shares storage.
  Tensor reshaped(Shape shape) const;

  /// Equal dtype, shape and bits (so NaN equals the same NaN).
  bool operator==(const Tensor& other) const;

 private:
  void require(DType wanted) const;
  void detach();
  void assign(const void* source, size_t size_bytes);

  DType dtype_ = DType::f32;
  Shape shape_{0};
  int64_t size_ = 0;
  std::shared_ptr<std::byte[]> storage_;
};

}  // namespace quench
