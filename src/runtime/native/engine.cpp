#include "runtime/native/engine.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/clock.h"
#include "graph/dynamic_range.h"
#include "runtime/native/dyadic.h"
#include "runtime/native/first_pixels.h"
#include "runtime/native/parts.h"

namespace quench::runtime::native {

namespace {

/// Sums of all pixels by channel, in the order of pixels.
template <typename T, typename Sum>
void sum_up(Plane<T> in, Sum zero, std::vector<Sum>& out) {
  std::fill(out.begin(), out.end(), Sum{0});
  for (int64_t y = 0; y < in.height; ++y) {
    for (int64_t x = 0; x < in.width; ++x) {
      const T* pixel = in.data + y * in.row_step + x * in.pixel_step;
      for (int64_t c = 0; c < in.channels; ++c) out[static_cast<size_t>(c)] += static_cast<Sum>(pixel[c]) - zero;
    }
  }
}

Affine affine_of(const Step8& step) { return {step.scale, step.zero_point, step.low, step.high}; }

template <typename T>
Plane<const T> read_only(const Plane<T>& p) {
  return {p.data, p.height, p.width, p.channels, p.row_step, p.pixel_step};
}

}  // namespace

Engine::Engine(Program program, const Kernels& kernels, int threads)
    : program_(with_wide_first_pixels(std::move(program), kernels)),
      kernels_(kernels),
      pool_(threads),
      layout_(lay_out(program_)),
      arena_(layout_.arena_bytes) {
  for (const Value& v : program_.values) steps_now_.push_back(v.step);
  steps_.resize(program_.instructions.size());
  for (size_t i = 0; i < program_.instructions.size(); ++i) {
    bind_halos(static_cast<int>(i), steps_[i]);
    bind(program_.instructions[i], steps_[i]);
    // Packed by now.
    program_.instructions[i].weight = Tensor();
  }
  bind_outputs();
  times_ns_.resize(steps_.size() + 1);
}

const Buffer& Engine::buffer_of(int id) const {
  return layout_.buffers[static_cast<size_t>(layout_.places[static_cast<size_t>(id)].buffer)];
}

void Engine::add_pixels(int64_t pixels, int64_t least, std::vector<Loop>& loops,
                        std::function<void(int64_t, int64_t)> body) {
  const int64_t parts = std::clamp<int64_t>(pixels / least, 1, wanted_parts());
  loops.push_back({parts, [pixels, parts, body = std::move(body)](int64_t i) {
                     body(part_begin(pixels, parts, i), part_begin(pixels, parts, i + 1));
                   }});
}

void Engine::add_rows(int64_t rows, std::vector<Loop>& loops, std::function<void(int64_t, int64_t)> body) {
  add_pixels(rows, 4, loops, std::move(body));
}

void Engine::fill_halo(const Buffer& buffer, uint8_t pad) {
  if (buffer.halo == 0) return;
  uint8_t* start = arena_.data() + buffer.offset;
  const int64_t row = buffer.row_step() * buffer.element_bytes;
  const int64_t edge = buffer.halo * buffer.pitch * buffer.element_bytes;
  std::memset(start, pad, static_cast<size_t>(row * buffer.halo + edge));
  // The right end of a row and the left end of the next lie side by side.
  for (int64_t y = 0; y < buffer.height; ++y) {
    uint8_t* right = start + (buffer.halo + y + 1) * row - edge;
    std::memset(right, pad, static_cast<size_t>(2 * edge));
  }
  const int64_t bottom = (buffer.halo + buffer.height) * row;
  std::memset(start + bottom, pad, static_cast<size_t>(row * buffer.halo));
}

void Engine::bind_halos(int index, std::vector<Loop>& loops) {
  // What lies around dynamic values is known when their range is.
  if (program_.instructions[static_cast<size_t>(index)].kind == Kind::quantize_dynamic) return;
  for (const Buffer& buffer : layout_.buffers) {
    if (buffer.first_use != index || buffer.halo == 0) continue;
    loops.push_back({1, [this, &buffer](int64_t) { fill_halo(buffer, buffer.pad); }});
  }
}

void Engine::bind(Instruction& instruction, std::vector<Loop>& loops) {
  const Kernels& k = kernels_;
  const auto in_u8 = [&](size_t i) { return read_only(plane<uint8_t>(instruction.inputs[i])); };
  const auto in_f32 = [&](size_t i) { return read_only(plane<float>(instruction.inputs[i])); };
  const int out = instruction.outputs.at(0);
  const int64_t rows = value(out).height;
  switch (instruction.kind) {
    case Kind::load: return bind_load(instruction, loops);
    case Kind::quantize_dynamic: return bind_quantize_dynamic(instruction, loops);
    case Kind::conv_u8:
    case Kind::conv_w16:
    case Kind::conv_f32: return bind_conv(instruction, loops);
    case Kind::table: {
      const uint8_t* entries = instruction.table->data();
      return add_rows(rows, loops, [&k, entries, in = in_u8(0), to = plane<uint8_t>(out)](int64_t begin, int64_t end) {
        k.table(entries, in, to, begin, end);
      });
    }
    case Kind::add_u8: {
      const Step8 &a = value(instruction.inputs[0]).step, &b = value(instruction.inputs[1]).step, &s = instruction.step;
      const double scale_a = static_cast<double>(a.scale) / s.scale, scale_b = static_cast<double>(b.scale) / s.scale;
      AddU8 add;
      add.zero_a = a.zero_point;
      add.zero_b = b.zero_point;
      add.scale_a = static_cast<float>(scale_a);
      add.scale_b = static_cast<float>(scale_b);
      if (instruction.dyadic) {
        const DyadicPair factors = dyadic_pair(scale_a, scale_b, instruction.name);
        add.dyadic_a = factors.a;
        add.dyadic_b = factors.b;
        add.shift = factors.shift;
      }
      add.zero_point = s.zero_point;
      add.low = s.low;
      add.high = s.high;
      return add_rows(rows, loops,
                      [&k, add, x = in_u8(0), y = in_u8(1), to = plane<uint8_t>(out)](int64_t begin, int64_t end) {
                        k.add_u8(add, x, y, to, begin, end);
                      });
    }
    case Kind::add_f32:
      return add_rows(rows, loops,
                      [&k, activation = instruction.activation, x = in_f32(0), y = in_f32(1), to = plane<float>(out)](
                          int64_t begin, int64_t end) { k.add_f32(x, y, to, activation, begin, end); });
    case Kind::mul_f32:
      return add_rows(rows, loops,
                      [&k, x = in_f32(0), y = in_f32(1), to = plane<float>(out)](int64_t begin, int64_t end) {
                        k.mul_f32(x, y, to, begin, end);
                      });
    case Kind::unary_f32: {
      const Unary op = instruction.unary == graph::Op::silu   ? Unary::silu
                       : instruction.unary == graph::Op::relu ? Unary::relu
                                                              : Unary::sigmoid;
      return add_rows(rows, loops, [&k, op, in = in_f32(0), to = plane<float>(out)](int64_t begin, int64_t end) {
        k.unary_f32(op, in, to, begin, end);
      });
    }
    case Kind::quantize:
      return add_rows(rows, loops,
                      [&k, affine = affine_of(value(out).step), in = in_f32(0), to = plane<uint8_t>(out)](
                          int64_t begin, int64_t end) { k.quantize(affine, in, to, begin, end); });
    case Kind::dequantize:
      return add_rows(rows, loops,
                      [this, &k, from = instruction.inputs[0], in = in_u8(0), to = plane<float>(out)](
                          int64_t begin, int64_t end) { k.dequantize(affine_of(step_now(from)), in, to, begin, end); });
    case Kind::max_pool: {
      const auto pool = std::get<graph::PoolAttributes>(instruction.attributes);
      if (value(out).is_u8) {
        return add_rows(rows, loops, [&k, pool, in = in_u8(0), to = plane<uint8_t>(out)](int64_t begin, int64_t end) {
          k.max_pool_u8(pool, in, to, begin, end);
        });
      }
      return add_rows(rows, loops, [&k, pool, in = in_f32(0), to = plane<float>(out)](int64_t begin, int64_t end) {
        k.max_pool_f32(pool, in, to, begin, end);
      });
    }
    case Kind::upsample:
      return value(out).is_u8 ? bind_upsample<uint8_t>(instruction, loops) : bind_upsample<float>(instruction, loops);
    case Kind::average: return bind_average(instruction, loops);
    case Kind::split: return;
    case Kind::concat: return bind_concat(instruction, loops);
  }
}

namespace {

/// One row of pixels of an image [C,H,W].
template <typename T>
void load_pixels(const T* image, const Plane<T>& to, int64_t y) {
  T* pixel = to.data + y * to.row_step;
  if (to.channels == 3 && to.pixel_step == 3) {  // in one go: three passes over the row take twice as long
    const T *red = image + y * to.width, *green = red + to.height * to.width, *blue = green + to.height * to.width;
    for (int64_t x = 0; x < to.width; ++x, pixel += 3) {
      pixel[0] = red[x];
      pixel[1] = green[x];
      pixel[2] = blue[x];
    }
    return;
  }
  for (int64_t c = 0; c < to.channels; ++c) {
    const T* from = image + (c * to.height + y) * to.width;
    for (int64_t x = 0; x < to.width; ++x) pixel[x * to.pixel_step + c] = from[x];
  }
}

/// One row of squares of 2 x 2 pixels (first_pixels.h): two values side by side stay so.
template <typename T>
void load_squares(const T* image, const Plane<T>& to, int64_t y) {
  constexpr size_t kPair = 2 * sizeof(T);
  const int64_t width = 2 * to.width, lines = to.channels / 2;
  const auto line = [&](int64_t i) { return image + (i / 2 * 2 * to.height + 2 * y + i % 2) * width; };
  T* pixel = to.data + y * to.row_step;
  if (lines == 6) {
    const T* from[6];
    for (int64_t i = 0; i < 6; ++i) from[i] = line(i);
    for (int64_t x = 0; x < to.width; ++x, pixel += to.pixel_step) {
      for (int64_t i = 0; i < 6; ++i) std::memcpy(pixel + 2 * i, from[i] + 2 * x, kPair);
    }
    return;
  }
  for (int64_t i = 0; i < lines; ++i) {
    for (int64_t x = 0; x < to.width; ++x) std::memcpy(pixel + x * to.pixel_step + 2 * i, line(i) + 2 * x, kPair);
  }
}

}  // namespace

void Engine::bind_load(const Instruction& instruction, std::vector<Loop>& loops) {
  const int out = instruction.outputs[0];
  const auto load = [this, side = instruction.side]<typename T>(Plane<T> to, int64_t begin, int64_t end) {
    const T* image = static_cast<const T*>(image_);
    for (int64_t y = begin; y < end; ++y) side == 2 ? load_squares(image, to, y) : load_pixels(image, to, y);
  };
  if (value(out).is_u8) {
    add_rows(value(out).height, loops, [load, to = plane<uint8_t>(out)](int64_t b, int64_t e) { load(to, b, e); });
  } else {
    add_rows(value(out).height, loops, [load, to = plane<float>(out)](int64_t b, int64_t e) { load(to, b, e); });
  }
}

void Engine::bind_quantize_dynamic(const Instruction& instruction, std::vector<Loop>& loops) {
  const int in = instruction.inputs[0], out = instruction.outputs[0];
  const int64_t rows = value(in).height, parts = std::clamp<int64_t>(rows / 4, 1, wanted_parts());
  extremes_.push_back(std::make_unique<std::vector<Extremes>>(static_cast<size_t>(parts)));
  std::vector<Extremes>& found = *extremes_.back();
  const Plane<const float> from = read_only(plane<float>(in));
  loops.push_back({parts, [this, rows, parts, from, &found](int64_t i) {
                     kernels_.extremes(from, part_begin(rows, parts, i), part_begin(rows, parts, i + 1),
                                       found[static_cast<size_t>(i)]);
                   }});
  loops.push_back({1, [this, out, &found](int64_t) {
                     float low = 0, high = 0, check = 0;
                     for (const Extremes& part : found) {
                       low = std::min(low, part.low);
                       high = std::max(high, part.high);
                       check += part.check;
                     }
                     const bool finite = std::isfinite(high - low + check);
                     if (!finite && not_finite_.empty()) not_finite_ = value(out).name;
                     const graph::DynamicRange range = finite ? graph::dynamic_range(low, high) : graph::DynamicRange{};
                     steps_now_[static_cast<size_t>(out)] = {range.scale, range.zero_point, 0, 255};
                     fill_halo(buffer_of(out), static_cast<uint8_t>(range.zero_point));
                   }});
  add_rows(rows, loops, [this, out, from, to = plane<uint8_t>(out)](int64_t begin, int64_t end) {
    kernels_.quantize(affine_of(step_now(out)), from, to, begin, end);
  });
}

void Engine::bind_average(const Instruction& instruction, std::vector<Loop>& loops) {
  const int in = instruction.inputs[0], out = instruction.outputs[0];
  const Value &from = value(in), &to = value(out);
  const auto pixels = static_cast<double>(from.height * from.width);
  const auto channels = static_cast<size_t>(from.channels);
  if (!from.is_u8) {
    loops.push_back({1, [x = plane<float>(in), y = plane<float>(out), n = static_cast<float>(pixels),
                         total = std::vector<float>(channels)](int64_t) mutable {
                       sum_up(x, 0.0f, total);
                       for (size_t c = 0; c < total.size(); ++c) y.data[c] = total[c] / n;
                     }});
    return;
  }
  const double exact_scale = static_cast<double>(from.step.scale) / (to.is_u8 ? to.step.scale : 1.0) / pixels;
  const auto scale = static_cast<float>(exact_scale);
  if (instruction.dyadic) {
    const Dyadic factor = dyadic_of(exact_scale, 255 * from.height * from.width, instruction.name);
    loops.push_back({1, [x = plane<uint8_t>(in), y = plane<uint8_t>(out), zero = from.step.zero_point, factor,
                         step = to.step, total = std::vector<int32_t>(channels)](int64_t) mutable {
                       sum_up(x, zero, total);
                       for (size_t c = 0; c < total.size(); ++c) {
                         const int32_t mean = std::clamp(times(total[c], factor), step.low - step.zero_point,
                                                         step.high - step.zero_point);
                         y.data[c] = static_cast<uint8_t>(mean + step.zero_point);
                       }
                     }});
  } else if (to.is_u8) {
    loops.push_back({1, [x = plane<uint8_t>(in), y = plane<uint8_t>(out), zero = from.step.zero_point, scale,
                         step = to.step, total = std::vector<int32_t>(channels)](int64_t) mutable {
                       sum_up(x, zero, total);
                       const auto low = static_cast<float>(step.low - step.zero_point);
                       const auto high = static_cast<float>(step.high - step.zero_point);
                       for (size_t c = 0; c < total.size(); ++c) {
                         const float mean = std::clamp(static_cast<float>(total[c]) * scale, low, high);
                         y.data[c] = static_cast<uint8_t>(static_cast<int32_t>(std::nearbyint(mean)) + step.zero_point);
                       }
                     }});
  } else {
    loops.push_back({1, [x = plane<uint8_t>(in), y = plane<float>(out), zero = from.step.zero_point, scale,
                         total = std::vector<int32_t>(channels)](int64_t) mutable {
                       sum_up(x, zero, total);
                       for (size_t c = 0; c < total.size(); ++c) y.data[c] = static_cast<float>(total[c]) * scale;
                     }});
  }
}

template <typename T>
void Engine::copy_plane(Plane<T> from, Plane<T> to, std::vector<Loop>& loops) {
  add_rows(from.height, loops, [from, to](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y) {
      for (int64_t x = 0; x < from.width; ++x) {
        std::memcpy(to.data + y * to.row_step + x * to.pixel_step, from.data + y * from.row_step + x * from.pixel_step,
                    static_cast<size_t>(from.channels) * sizeof(T));
      }
    }
  });
}

void Engine::bind_concat(const Instruction& instruction, std::vector<Loop>& loops) {
  const int whole = instruction.outputs[0];
  int64_t channel = 0;
  for (size_t i = 0; i < instruction.inputs.size(); ++i) {
    const int part = instruction.inputs[i];
    if (!in_place(layout_, program_, instruction, i)) {
      if (value(whole).is_u8) {
        Plane<uint8_t> to = plane<uint8_t>(whole);
        to.data += channel;
        copy_plane(plane<uint8_t>(part), to, loops);
      } else {
        Plane<float> to = plane<float>(whole);
        to.data += channel;
        copy_plane(plane<float>(part), to, loops);
      }
    }
    channel += value(part).channels;
  }
}

template <typename T>
void Engine::bind_upsample(const Instruction& instruction, std::vector<Loop>& loops) {
  const int64_t factor = std::get<graph::UpsampleAttributes>(instruction.attributes).factor;
  const Plane<T> from = plane<T>(instruction.inputs[0]), to = plane<T>(instruction.outputs[0]);
  add_rows(to.height, loops, [from, to, factor](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y) {
      for (int64_t x = 0; x < to.width; ++x) {
        std::memcpy(to.data + y * to.row_step + x * to.pixel_step,
                    from.data + y / factor * from.row_step + x / factor * from.pixel_step,
                    static_cast<size_t>(to.channels) * sizeof(T));
      }
    }
  });
}

void Engine::bind_outputs() {
  for (size_t i = 0; i < program_.outputs.size(); ++i) {
    if (program_.outputs[i].direct) continue;
    const Plane<float> from = plane<float>(program_.outputs[i].value);
    add_rows(from.height, outputs_, [this, i, from](int64_t begin, int64_t end) {
      for (int64_t y = begin; y < end; ++y) {
        kernels_.to_planar(from.data + y * from.row_step, from.width, from.channels, from.channels, from.pixel_step,
                           results_[i] + y * from.width, from.height * from.width);
      }
    });
  }
}

void Engine::run(const void* image, const std::vector<float*>& outputs) {
  image_ = image;
  results_ = outputs;
  not_finite_.clear();
  const auto run_loops = [this](const std::vector<Loop>& loops) {
    for (const Loop& loop : loops) pool_.each(loop.count, loop.body);
  };
  pool_.start();
  for (size_t i = 0; i < steps_.size(); ++i) {
    const int64_t before = profiling_ ? now_ns() : 0;
    run_loops(steps_[i]);
    if (profiling_) times_ns_[i] = now_ns() - before;
  }
  const int64_t before = profiling_ ? now_ns() : 0;
  run_loops(outputs_);
  if (profiling_) times_ns_.back() = now_ns() - before;
  pool_.finish();
}

}  // namespace quench::runtime::native
