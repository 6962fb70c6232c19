#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/native/kernels.h"
#include "runtime/native/layout.h"
#include "runtime/native/pack.h"
#include "runtime/native/program.h"
#include "runtime/native/sparse_blocks.h"
#include "runtime/native/thread_pool.h"

namespace quench::runtime::native {

/// A program bound to memory and kernels: weights packed, addresses known. Nothing is allocated while it runs. The
/// result does not depend on the number of threads.
class Engine {
 public:
  Engine(Program program, const Kernels& kernels, int threads);

  /// image: [C,H,W], u8 or float as the program's input. outputs: one pointer for each output, to its floats ([C,H,W]
  /// or [C]).
  void run(const void* image, const std::vector<float*>& outputs);

  /// Where the latest run met values that are not finite and have a range of their own: the value's name, and outputs
  /// mean nothing. Empty: nowhere.
  const std::string& not_finite() const { return not_finite_; }

  const Program& program() const { return program_; }
  const Layout& layout() const { return layout_; }
  const Kernels& kernels() const { return kernels_; }
  int threads() const { return pool_.threads(); }

  /// From now on run() notes how long each instruction took.
  void set_profiling(bool on) { profiling_ = on; }
  /// Nanoseconds in each instruction, then in writing the outputs; of the latest run.
  const std::vector<int64_t>& times_ns() const { return times_ns_; }

 private:
  /// One loop: body(i) for i of [0, count).
  struct Loop {
    int64_t count = 0;
    std::function<void(int64_t)> body;
  };

  const Value& value(int id) const { return program_.values[static_cast<size_t>(id)]; }
  const Buffer& buffer_of(int id) const;
  /// Where the value lies in memory.
  template <typename T>
  Plane<T> plane(int id);

  void bind(Instruction& instruction, std::vector<Loop>& loops);
  void bind_load(const Instruction& instruction, std::vector<Loop>& loops);
  /// Of blocks of zeros that are skipped the instruction loses the MACs.
  void bind_conv(Instruction& layer, std::vector<Loop>& loops);
  void bind_quantize_dynamic(const Instruction& instruction, std::vector<Loop>& loops);
  /// The step of a value, as it stands while the program runs.
  const Step8& step_now(int id) const { return steps_now_[static_cast<size_t>(id)]; }
  /// Fills what lies around a buffer's values.
  void fill_halo(const Buffer& buffer, uint8_t pad);
  void bind_average(const Instruction& instruction, std::vector<Loop>& loops);
  void bind_concat(const Instruction& instruction, std::vector<Loop>& loops);
  template <typename T>
  void copy_plane(Plane<T> from, Plane<T> to, std::vector<Loop>& loops);
  template <typename T>
  void bind_upsample(const Instruction& instruction, std::vector<Loop>& loops);
  ConvShape conv_shape(const Instruction& layer, const Walk& walk, int64_t in_bytes, int64_t out_bytes);
  template <typename Packed>
  using Sparse = std::vector<std::unique_ptr<SparseWeights<typename Packed::Weight>>>;
  /// Where many blocks of weights are 0, lets a convolution of one group multiply the others alone: the dense weights
  /// are given up, and of the group's `macs` the layer loses those that are skipped.
  template <typename Packed, typename Conv>
  void skip_zeros(Packed& packed, Conv& task, Instruction& layer, int64_t macs, Sparse<Packed>& all);
  /// A convolution by Winograd's algorithm (winograd.h), as `task` says what its sums become.
  void add_winograd(Instruction& layer, const ConvU8& task, std::vector<Loop>& loops);
  /// The same in floats (winograd_f32.h).
  void add_winograd(Instruction& layer, const ConvF32& task, std::vector<Loop>& loops);
  /// What such a convolution reads. lanes: values that a vector of the kernel has.
  template <typename T>
  void set_tiles(const Instruction& layer, const T* input, int64_t lanes, WinogradTiles<T>& tiles) const;
  /// at_once: tiles; vectors: of output channels in a pass, at most.
  template <typename V, typename Sum, typename Conv>
  void add_tiles(Instruction& layer, const Conv& conv,
                 void (*kernel)(const Conv&, int64_t, int64_t, WinogradMemory<V, Sum>), int64_t at_once,
                 int64_t vectors, std::vector<Loop>& loops);
  /// Where blocks lie in memory. first and steps must outlive it: as SparseWeights has them.
  BlockLists lists_of(const std::vector<int64_t>& first, const std::vector<int64_t>& steps, const ConvShape& shape);
  /// Gives the next `groups` of packed weights the range of their input each time the program runs.
  void add_ranges(int in, int64_t groups, std::vector<Loop>& loops);
  /// Lets a convolution add products in 16 bits where its weights allow it, or do once they are split.
  void add_in_16_bits(PackedU8& packed, ConvU8& task);
  /// Index of the output that the value is written to as planes, -1: none.
  int direct_output(int id) const;
  /// A convolution in strips of pixels, each turned into planes of an output while it is in the cache. run(begin, end,
  /// out) writes pixels to `out` + pixel * padded(channels).
  void add_planar(int64_t pixels, int64_t channels, int64_t first, int output, std::vector<Loop>& loops,
                  std::function<void(int64_t, int64_t, float*)> run);
  /// Parts of a loop: some threads are slower than others.
  int64_t wanted_parts() const { return pool_.threads() == 1 ? 1 : 4 * pool_.threads(); }
  /// A convolution in parts of its pixels; where they are few, of its channels too. vectors: in a pass of the kernel.
  template <typename Conv>
  void add_conv(int64_t pixels, const Conv& conv, void (*kernel)(const Conv&, int64_t, int64_t), int vectors,
                std::vector<Loop>& loops);
  /// Fills the halos of buffers whose first value this instruction makes.
  void bind_halos(int index, std::vector<Loop>& loops);
  /// As many parts of [0, rows) as make good use of the threads.
  void add_rows(int64_t rows, std::vector<Loop>& loops, std::function<void(int64_t, int64_t)> body);
  void add_pixels(int64_t pixels, int64_t least, std::vector<Loop>& loops, std::function<void(int64_t, int64_t)> body);
  void bind_outputs();

  Program program_;
  const Kernels& kernels_;
  ThreadPool pool_;
  Layout layout_;
  Aligned<uint8_t> arena_;
  std::vector<std::unique_ptr<PackedU8>> packed_u8_;
  Sparse<PackedU8> sparse_u8_;
  Sparse<PackedF32> sparse_f32_;
  std::vector<std::unique_ptr<PackedF32>> packed_f32_;
  std::vector<std::unique_ptr<std::vector<ptrdiff_t>>> taps_;
  std::vector<std::unique_ptr<Aligned<int16_t>>> winograd_weights_;
  std::vector<std::unique_ptr<Aligned<float>>> winograd_weights_f32_;
  Aligned<uint8_t> winograd_memory_;                     ///< of all layers: one runs at a time
  std::vector<std::unique_ptr<Aligned<float>>> strips_;  ///< of direct outputs, before they become planes
  std::vector<std::vector<Loop>> steps_;                 ///< of each instruction
  std::vector<Loop> outputs_;
  std::vector<std::unique_ptr<std::vector<Extremes>>> extremes_;  ///< of the parts of values that get a range
  std::vector<Step8> steps_now_;                                  ///< of each value; those of dynamic ones change
  std::string not_finite_;
  const void* image_ = nullptr;
  std::vector<float*> results_;
  bool profiling_ = false;
  std::vector<int64_t> times_ns_;
};

template <typename T>
Plane<T> Engine::plane(int id) {
  const Buffer& buffer = buffer_of(id);
  const Value& v = value(id);
  T* start = reinterpret_cast<T*>(arena_.data() + buffer.offset);
  const int64_t channel = layout_.places[static_cast<size_t>(id)].channel;
  return {start + buffer.origin() + channel, v.height, v.width, v.channels, buffer.row_step(), buffer.pitch};
}

}  // namespace quench::runtime::native
