#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace quench::runtime::native {

/// x = scale * (q - zero_point); q is one of low .. high of 0 .. 255.
struct Step8 {
  float scale = 1;
  int32_t zero_point = 0, low = 0, high = 255;
  bool operator==(const Step8&) const = default;
};

/// What lies in memory while the program runs: one image's pixels of channels.
struct Value {
  std::string name;
  bool is_u8 = false;
  int64_t height = 1, width = 1, channels = 1;
  Step8 step;            ///< of u8
  bool dynamic = false;  ///< u8 whose scale and zero point are found as the program runs: not those of `step`
};

using Table = std::array<uint8_t, 256>;

enum class Kind {
  load,      ///< the image, [C,H,W], into pixels
  conv_u8,   ///< u8 and int8 weights into u8 (through silu, a table, or neither) or f32; of dynamic u8 into f32
  conv_f32,  ///< also linear layers
  conv_w16,  ///< u8 and float weights in 16 bits (wide_weights.h) into f32; also linear layers
  table,     ///< u8 into u8, value by value
  add_u8,
  add_f32,
  mul_f32,
  unary_f32,
  quantize,
  quantize_dynamic,  ///< f32 into dynamic u8: its range is found first
  dequantize,
  max_pool,  ///< u8 or f32
  upsample,
  average,  ///< over all pixels; u8 or f32
  split,    ///< moves nothing: its outputs are parts of its input
  concat,
};
const char* to_string(Kind kind);
/// Convolutions and linear layers.
bool is_conv(Kind kind);

struct Instruction {
  Kind kind = Kind::table;
  std::string name;  ///< of the node it comes from
  std::vector<int> inputs, outputs;
  graph::Attributes attributes;
  graph::Activation activation = graph::Activation::none;
  graph::Op unary = graph::Op::silu;  ///< unary_f32
  Tensor weight;                      ///< convolution: i8 or f32, [O, I/groups, kh, kw]
  std::vector<int16_t> wide;          ///< conv_w16: the weights in 16 bits, [O, I]
  std::vector<float> weight_scale;    ///< of integers: one a channel
  Tensor bias;                        ///< i32 or f32, [O]; f32 of a conv_u8 that reads dynamic u8
  Step8 step;                         ///< conv_u8 into u8: what the accumulator (or its silu) becomes, before the table
  std::optional<Table> table;
  int64_t side = 1;     ///< load: squares of so many pixels of the image become one (first_pixels.h)
  bool dyadic = false;  ///< to bytes by integer factors (dyadic.h): conv_u8, add_u8, average
  int64_t macs = 0;
  int64_t products = 0;      ///< that the engine makes for these MACs: fewer by Winograd's algorithm; it sets them
  int64_t narrow_steps = 0;  ///< conv_u8: the most that any of its groups adds in 16 bits; the engine finds them
};

/// A Graph as instructions of the engine, in order.
struct Program {
  std::vector<Value> values;
  std::vector<Instruction> instructions;
  int input = -1;       ///< value that `load` fills
  bool dyadic = false;  ///< bytes are made of sums of bytes in integers alone
  struct Output {
    int value = -1;
    Shape shape;  ///< for one image: [1,C,H,W] or [1,C]
    bool direct =
        false;  ///< the convolution that makes it writes it as planes where the caller wants it; it has no memory
  };
  std::vector<Output> outputs;  ///< float
};

/// Folds, fuses and lowers. A convolution whose result is quantized takes a silu before the quantizer as float
/// arithmetic, and what follows it value by value (silu, relu, sigmoid, x * sigmoid(x)) into its table; a relu before a
/// quantizer becomes its lower bound. Values between two quantized edges stay u8; an operation without integer form
/// runs in float between dequantize and quantize. Edges of dynamic ranges become bytes for the convolutions and linear
/// layers with integer weights that read them; others read these bytes as floats again. int8 activations (other
/// targets') become uint8 by adding 128. Throws Error{unsupported} naming the node for what the engine does not have:
/// more than one input, batch norm that cannot be folded, activations with one scale per channel, quantizers whose
/// weights are still float, integer weights with zero points or sums beyond int32 (layer_weights.h); with metadata
/// `requantization: dyadic` a silu that is no table.
Program lower(const graph::Graph& graph);

}  // namespace quench::runtime::native
