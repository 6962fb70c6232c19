#pragma once

#include <string>
#include <string_view>

/// What ONNX has no place for is marked in a node's doc_string as `quench WORD` or `quench KEY=VALUE`:
///   Sigmoid  `quench gate`           half of a silu; the Mul that follows holds the rest
///   Mul      `quench silu`           a silu node (without the mark: a plain mul)
///   Mul/Relu `quench activation`     the fused activation of the node before
///   BatchNormalization `quench momentum=0.03`   LibTorch's momentum, exactly
///   Clip, Min, Max `quench range`    saturation of a reduced range, part of the QuantizeLinear that follows
///   QuantizeLinear, DequantizeLinear `quench bits=7`   QuantParams::bits where not 8
///   Gather, Cast `quench unrounded=NAME`  the initializer with the float weights that the codes were rounded from
///   Concat, MaxPool, Resize, Split, Flatten  `quench carried`   the outputs have the inputs' quantization (target
///   openvino) Gather   `quench group_size=16`  factors of groups of so many inputs each, one for each input
namespace quench::graph::onnx_mark {

inline constexpr std::string_view kGate = "quench gate";
inline constexpr std::string_view kSilu = "quench silu";
inline constexpr std::string_view kActivation = "quench activation";
inline constexpr std::string_view kRange = "quench range";
inline constexpr std::string_view kMomentum = "quench momentum=";
inline constexpr std::string_view kBits = "quench bits=";
inline constexpr std::string_view kUnrounded = "quench unrounded=";
inline constexpr std::string_view kCarried = "quench carried";
inline constexpr std::string_view kGroupSize = "quench group_size=";

/// Key of the metadata entry that says that quench wrote the file.
inline constexpr std::string_view kVersionKey = "quench_version";
/// Key of the metadata entry that says what a tail (onnx_tail.h) makes of the outputs. Not in a model of ours.
inline constexpr std::string_view kOutputsKey = "outputs";

}  // namespace quench::graph::onnx_mark
