#include "runtime/native/layout.h"

#include <algorithm>
#include <initializer_list>
#include <numeric>

#include "core/error.h"

namespace quench::runtime::native {

namespace {

constexpr int64_t kAlignment = 64;
constexpr int64_t kMostBytes = int64_t{1} << 40;
constexpr int64_t kSlack = 64;  // kernels read up to so many bytes beyond a value, times weights of 0

/// Which value's memory a value is a part of.
class Parts {
 public:
  explicit Parts(const Program& program)
      : program_(program), parent_(program.values.size(), -1), channel_(parent_.size()) {
    for (const Instruction& instruction : program.instructions) {
      if (instruction.kind != Kind::split) continue;
      int64_t channel = 0;
      for (const int part : instruction.outputs) {
        put(part, instruction.inputs[0], channel);
        channel += program.values[static_cast<size_t>(part)].channels;
      }
    }
    for (const Instruction& instruction : program.instructions) {
      if (instruction.kind == Kind::concat) join(instruction);
    }
  }

  Place root(int value) const {
    Place place{value, 0};
    while (parent_[static_cast<size_t>(place.buffer)] >= 0) {
      place.channel += channel_[static_cast<size_t>(place.buffer)];
      place.buffer = parent_[static_cast<size_t>(place.buffer)];
    }
    return place;
  }

 private:
  void put(int value, int parent, int64_t channel) {
    parent_[static_cast<size_t>(value)] = parent;
    channel_[static_cast<size_t>(value)] = channel;
  }

  /// Puts the values that parts belong to into the whole, where those are nobody else's part and lie in it from end to
  /// end: a value split in two whose halves stand side by side goes in as one.
  void join(const Instruction& concat) {
    const int whole = concat.outputs[0];
    int64_t channel = 0;
    for (size_t i = 0; i < concat.inputs.size(); ++i) {
      const Place top = root(concat.inputs[i]);
      const Value& v = program_.values[static_cast<size_t>(top.buffer)];
      const int64_t start = channel - top.channel;
      channel += program_.values[static_cast<size_t>(concat.inputs[i])].channels;
      if (top.buffer == root(whole).buffer || top.buffer == program_.input || start < 0) continue;
      if (covers(concat, top.buffer, start, v.channels)) put(top.buffer, whole, start);
    }
  }

  /// Whether the concat's channels [start, start + count) are the value's, in order.
  bool covers(const Instruction& concat, int value, int64_t start, int64_t count) const {
    int64_t channel = 0, covered = 0;
    for (const int input : concat.inputs) {
      const int64_t size = program_.values[static_cast<size_t>(input)].channels;
      if (channel >= start && channel + size <= start + count) {
        const Place place = root(input);
        if (place.buffer != value || place.channel != channel - start) return false;
        covered += size;
      }
      channel += size;
    }
    return covered == count;
  }

  const Program& program_;
  std::vector<int> parent_;
  std::vector<int64_t> channel_;
};

int64_t halo_of(const Instruction& instruction) {
  if (!is_conv(instruction.kind)) return 0;
  const auto& conv = std::get<graph::ConvAttributes>(instruction.attributes);
  return std::max(conv.padding[0], conv.padding[1]);
}

/// Throws where a product of sizes is more than any machine has; a crafted padding can make it overflow.
void require_bytes(std::initializer_list<int64_t> sizes, const std::string& name) {
  int64_t bytes = 1;
  for (const int64_t size : sizes) {
    if (__builtin_mul_overflow(bytes, size, &bytes) || bytes > kMostBytes) {
      fail(ErrorKind::unsupported, "[runtime.native] value '{}' with its padding takes more than 2^40 bytes", name);
    }
  }
}

/// The lowest place free for the whole of a buffer's lifetime, largest buffers first.
void pack(Layout& layout) {
  std::vector<size_t> order(layout.buffers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return layout.buffers[a].bytes() > layout.buffers[b].bytes(); });
  std::vector<size_t> placed;
  const auto size_of = [&](size_t i) {
    return (layout.buffers[i].bytes() + kSlack + kAlignment - 1) / kAlignment * kAlignment;
  };
  for (const size_t i : order) {
    Buffer& buffer = layout.buffers[i];
    std::vector<size_t> rivals;
    for (const size_t other : placed) {
      const Buffer& o = layout.buffers[other];
      if (o.first_use <= buffer.last_use && buffer.first_use <= o.last_use) rivals.push_back(other);
    }
    std::sort(rivals.begin(), rivals.end(),
              [&](size_t a, size_t b) { return layout.buffers[a].offset < layout.buffers[b].offset; });
    int64_t at = 0;
    for (const size_t rival : rivals) {
      if (layout.buffers[rival].offset >= at + size_of(i)) break;
      at = std::max(at, layout.buffers[rival].offset + size_of(rival));
    }
    buffer.offset = at;
    layout.arena_bytes = std::max(layout.arena_bytes, at + size_of(i));
    layout.values_bytes += size_of(i);
    placed.push_back(i);
  }
}

}  // namespace

Layout lay_out(const Program& program) {
  const Parts parts(program);
  Layout layout;
  layout.places.resize(program.values.size());
  std::vector<int> buffer_of(program.values.size(), -1);
  std::vector<bool> direct(program.values.size());
  for (const Program::Output& output : program.outputs) {
    if (output.direct) direct[static_cast<size_t>(output.value)] = true;
  }
  for (size_t i = 0; i < program.values.size(); ++i) {
    if (direct[i]) continue;
    const Place top = parts.root(static_cast<int>(i));
    int& buffer = buffer_of[static_cast<size_t>(top.buffer)];
    if (buffer < 0) {
      const Value& v = program.values[static_cast<size_t>(top.buffer)];
      Buffer b{v.height,        v.width, v.channels,
               v.is_u8 ? 1 : 4, 0,       static_cast<uint8_t>(v.is_u8 ? v.step.zero_point : 0)};
      b.first_use = static_cast<int>(program.instructions.size());
      b.last_use = -1;
      buffer = static_cast<int>(layout.buffers.size());
      layout.buffers.push_back(b);
    }
    layout.places[i] = {buffer, top.channel};
  }
  const auto used = [&](int value, int instruction, int64_t halo) {
    if (direct[static_cast<size_t>(value)]) return;
    Buffer& buffer = layout.buffers[static_cast<size_t>(layout.places[static_cast<size_t>(value)].buffer)];
    buffer.first_use = std::min(buffer.first_use, instruction);
    buffer.last_use = std::max(buffer.last_use, instruction);
    buffer.halo = std::max(buffer.halo, halo);
  };
  for (size_t i = 0; i < program.instructions.size(); ++i) {
    const Instruction& instruction = program.instructions[i];
    for (const int value : instruction.inputs) used(value, static_cast<int>(i), halo_of(instruction));
    for (const int value : instruction.outputs) used(value, static_cast<int>(i), 0);
  }
  for (const Program::Output& output : program.outputs) {
    used(output.value, static_cast<int>(program.instructions.size()), 0);
  }
  for (size_t i = 0; i < program.values.size(); ++i) {
    const Value& v = program.values[i];
    require_bytes({v.height, v.width, v.channels, v.is_u8 ? 1 : 4}, v.name);
    if (direct[i]) continue;
    const Buffer& b = layout.buffers[static_cast<size_t>(layout.places[i].buffer)];
    require_bytes({b.height + 2 * b.halo, b.width + 2 * b.halo, b.pitch, b.element_bytes}, v.name);
  }
  pack(layout);
  if (layout.arena_bytes > kMostBytes) {
    fail(ErrorKind::unsupported, "[runtime.native] the model's values take {} bytes", layout.arena_bytes);
  }
  return layout;
}

bool in_place(const Layout& layout, const Program& program, const Instruction& concat, size_t i) {
  const Place& whole = layout.places[static_cast<size_t>(concat.outputs[0])];
  const Place& part = layout.places[static_cast<size_t>(concat.inputs[i])];
  int64_t channel = whole.channel;
  for (size_t k = 0; k < i; ++k) channel += program.values[static_cast<size_t>(concat.inputs[k])].channels;
  return part.buffer == whole.buffer && part.channel == channel;
}

}  // namespace quench::runtime::native
