#include "graph/packed_integers.h"

#include "core/error.h"

namespace quench::graph {
namespace {

size_t packed_bytes(uint64_t count, int bits) { return (count * static_cast<uint64_t>(bits) + 7) / 8; }

template <typename T>
std::string packed(std::span<const T> values, int bits, int least) {
  const int mask = (1 << bits) - 1, each = 8 / bits;
  std::string bytes(packed_bytes(values.size(), bits), '\0');
  for (size_t i = 0; i < values.size(); ++i) {
    ensure(values[i] >= least && values[i] <= least + mask, "[graph.onnx] a weight of {} does not fit {} bits",
           int{values[i]}, bits);
    char& byte = bytes[i / each];
    byte = static_cast<char>(byte | (values[i] & mask) << i % each * bits);
  }
  return bytes;
}

void require_bytes(std::string_view bytes, int64_t count, int bits) {
  if (count < 0 || static_cast<uint64_t>(count) / 4 > bytes.size() ||
      packed_bytes(static_cast<uint64_t>(count), bits) != bytes.size()) {
    fail(ErrorKind::data, "[graph.onnx] expected {} values of {} bits, got {} bytes", count, bits, bytes.size());
  }
}

}  // namespace

int stored_bits(const Graph& graph, const QuantParams& quant) {
  if (!quant.levels.empty() || quant.group_size > 0) return quant.bits <= 2 ? 2 : quant.bits <= 4 ? 4 : 8;
  const auto target = graph.metadata.find("target");
  const bool native = target != graph.metadata.end() && target->second == "native";
  if (native && quant.dtype == DType::i8 && quant.bits <= 4) return quant.bits <= 2 ? 2 : 4;
  return static_cast<int>(size_of(quant.dtype)) * 8;
}

int stored_bits(const Graph& graph, const Weight& weight) {
  if (weight.quant && weight.value.dtype() == DType::i8) return stored_bits(graph, *weight.quant);
  return static_cast<int>(size_of(weight.value.dtype())) * 8;
}

std::string pack_integers(std::span<const int8_t> values, int bits) { return packed(values, bits, -(1 << (bits - 1))); }

std::string pack_codes(std::span<const uint8_t> codes, int bits) { return packed(codes, bits, 0); }

std::vector<int8_t> unpack_integers(std::string_view bytes, int64_t count, int bits) {
  require_bytes(bytes, count, bits);
  const int each = 8 / bits, up = 8 - bits;
  std::vector<int8_t> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) {
    const int byte = static_cast<uint8_t>(bytes[i / each]);
    values[i] = static_cast<int8_t>(static_cast<int8_t>(byte >> i % each * bits << up) >> up);
  }
  return values;
}

std::vector<uint8_t> unpack_codes(std::string_view bytes, int64_t count, int bits) {
  require_bytes(bytes, count, bits);
  const int each = 8 / bits, mask = (1 << bits) - 1;
  std::vector<uint8_t> codes(static_cast<size_t>(count));
  for (size_t i = 0; i < codes.size(); ++i) {
    codes[i] = static_cast<uint8_t>(static_cast<uint8_t>(bytes[i / each]) >> i % each * bits & mask);
  }
  return codes;
}

}  // namespace quench::graph
