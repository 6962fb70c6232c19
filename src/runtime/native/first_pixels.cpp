#include "runtime/native/first_pixels.h"

#include <algorithm>

namespace quench::runtime::native {
namespace {

constexpr int64_t kSide = 2;

/// The only instruction that reads the value; null where there are others, or it is an output.
Instruction* reader_of(Program& program, int id) {
  Instruction* reader = nullptr;
  for (Instruction& instruction : program.instructions) {
    if (std::ranges::count(instruction.inputs, id) == 0) continue;
    if (reader != nullptr || instruction.inputs.size() > 1) return nullptr;
    reader = &instruction;
  }
  const bool is_output = std::ranges::any_of(program.outputs, [&](const auto& output) { return output.value == id; });
  return is_output ? nullptr : reader;
}

bool has_such_windows(const Instruction& layer, const Value& in) {
  const auto& conv = std::get<graph::ConvAttributes>(layer.attributes);
  for (const size_t axis : {0u, 1u}) {
    if (conv.kernel[axis] != 3 * kSide || conv.stride[axis] != kSide) return false;
    if (conv.padding[axis] != kSide || conv.dilation[axis] != 1) return false;
  }
  return conv.groups == 1 && in.height % kSide == 0 && in.width % kSide == 0;
}

template <typename T>
Tensor in_squares(const Tensor& weight) {
  const Shape& s = weight.shape();
  const int64_t channels = s[1], height = s[2] / kSide, width = s[3] / kSide;
  Tensor out(weight.dtype(), {s[0], kSide * kSide * channels, height, width});
  const T* from = weight.values<T>().data();
  T* to = out.mutable_values<T>().data();
  for (int64_t o = 0; o < s[0]; ++o) {
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t dy = 0; dy < kSide; ++dy) {
        for (int64_t dx = 0; dx < kSide; ++dx) {
          for (int64_t y = 0; y < height; ++y) {
            for (int64_t x = 0; x < width; ++x) {
              *to++ = from[((o * channels + c) * s[2] + kSide * y + dy) * s[3] + kSide * x + dx];
            }
          }
        }
      }
    }
  }
  return out;
}

void widen(Value& value) {
  value.height /= kSide;
  value.width /= kSide;
  value.channels *= kSide * kSide;
}

}  // namespace

Program with_wide_first_pixels(Program program, const Kernels& kernels) {
  std::vector<int> ids{program.input};
  Instruction* layer = reader_of(program, program.input);
  if (layer != nullptr && (layer->kind == Kind::quantize || layer->kind == Kind::quantize_dynamic)) {
    ids.push_back(layer->outputs[0]);
    layer = reader_of(program, ids.back());
  }
  const auto value = [&](int id) -> Value& { return program.values[static_cast<size_t>(id)]; };
  if (layer == nullptr || !is_conv(layer->kind) || !has_such_windows(*layer, value(ids.back()))) return program;
  const bool sums_of_four = kernels.narrow_step == 0;
  if (layer->kind != Kind::conv_f32 && sums_of_four) return program;
  for (const int id : ids) widen(value(id));
  const auto load = std::ranges::find(program.instructions, Kind::load, &Instruction::kind);
  load->side = kSide;
  layer->weight =
      layer->weight.dtype() == DType::i8 ? in_squares<int8_t>(layer->weight) : in_squares<float>(layer->weight);
  graph::ConvAttributes& conv = std::get<graph::ConvAttributes>(layer->attributes);
  conv.kernel = {3, 3};
  conv.stride = {1, 1};
  conv.padding = {1, 1};
  return program;
}

}  // namespace quench::runtime::native
