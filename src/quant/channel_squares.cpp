#include "quant/channel_squares.h"

#include <ATen/ATen.h>

#include <span>

namespace quench::quant {
namespace {

/// Rows of one value a channel.
void add_rows(std::span<const float> values, std::vector<double>& sums) {
  const size_t channels = sums.size();
  for (size_t row = 0; row < values.size(); row += channels) {
    for (size_t c = 0; c < channels; ++c) {
      const double value = values[row + c];
      sums[c] += value * value;
    }
  }
}

double sum_of_squares(std::span<const float> values) {
  constexpr size_t kLanes = 8;  // independent chains, so that the loop vectorizes
  double lanes[kLanes] = {};
  for (size_t i = 0; i < values.size(); ++i) {
    const double value = values[i];
    lanes[i % kLanes] += value * value;
  }
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum;
}

}  // namespace

void ChannelSquares::add(const torch::Tensor& value) {
  const bool rows = value.dim() == 2 || value.is_contiguous(at::MemoryFormat::ChannelsLast);
  const torch::Tensor held = rows && value.dim() == 4 ? value : value.contiguous();
  const std::span<const float> values(held.data_ptr<float>(), static_cast<size_t>(held.numel()));
  const auto channels = static_cast<size_t>(value.size(1));
  Batch& batch = batches_.emplace_back();
  batch.sums.assign(channels, 0);
  batch.count = static_cast<double>(values.size() / channels);
  if (rows) return add_rows(values, batch.sums);
  const size_t plane = values.size() / static_cast<size_t>(value.size(0)) / channels;
  for (size_t i = 0; i * plane < values.size(); ++i) {
    batch.sums[i % channels] += sum_of_squares(values.subspan(i * plane, plane));
  }
}

std::vector<double> ChannelSquares::means() const {
  std::vector<double> out;
  double count = 0;
  for (const Batch& batch : batches_) {
    out.resize(batch.sums.size());
    for (size_t c = 0; c < out.size(); ++c) out[c] += batch.sums[c];
    count += batch.count;
  }
  for (double& sum : out) sum /= count;
  return out;
}

void ChannelSquares::write(ByteWriter& out) const {
  out.number(static_cast<int64_t>(batches_.size()));
  for (const Batch& batch : batches_) {
    out.real(batch.count);
    out.number(static_cast<int64_t>(batch.sums.size()));
    for (const double sum : batch.sums) out.real(sum);
  }
}

void ChannelSquares::add(ByteReader& in) {
  for (int64_t left = in.count(); left > 0; --left) {
    Batch& batch = batches_.emplace_back();
    batch.count = in.real_double();
    batch.sums.resize(static_cast<size_t>(in.count()));
    for (double& sum : batch.sums) sum = in.real_double();
  }
}

}  // namespace quench::quant
