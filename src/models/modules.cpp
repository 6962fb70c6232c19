#include "models/modules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace quench::models {
namespace {

constexpr double kPriorImage = 640;  // pixels; the side of the image that the detection priors are stated for

double cells(const Value& level) { return std::pow(kPriorImage / static_cast<double>(level.stride), 2); }

std::string path(const std::string& name, const char* part, size_t index) {
  return fmt::format("{}.{}.{}", name, part, index);
}

}  // namespace

Value bottleneck(Network& net, const std::string& name, const Value& x, int64_t channels, int64_t first_kernel,
                 bool shortcut) {
  Value y = net.conv_block(name + ".cv1", x, {channels, first_kernel});
  y = net.conv_block(name + ".cv2", y, {channels, 3});
  return shortcut && x.channels == channels ? net.add(name + ".add", x, y) : y;
}

Value c3(Network& net, const std::string& name, const Value& x, int64_t channels, int repeats, bool shortcut) {
  const int64_t hidden = channels / 2;
  Value deep = net.conv_block(name + ".cv1", x, {hidden});
  for (int i = 0; i < repeats; ++i) deep = bottleneck(net, path(name, "m", i), deep, hidden, 1, shortcut);
  const Value direct = net.conv_block(name + ".cv2", x, {hidden});
  return net.conv_block(name + ".cv3", net.concat(name + ".concat", {deep, direct}), {channels});
}

Value c2f(Network& net, const std::string& name, const Value& x, int64_t channels, int repeats, bool shortcut) {
  const int64_t hidden = channels / 2;
  const Value wide = net.conv_block(name + ".cv1", x, {2 * hidden});
  std::vector<Value> parts = net.split(name + ".split", wide, {hidden, hidden});
  for (int i = 0; i < repeats; ++i) {
    parts.push_back(bottleneck(net, path(name, "m", i), parts.back(), hidden, 3, shortcut));
  }
  return net.conv_block(name + ".cv2", net.concat(name + ".concat", parts), {channels});
}

Value sppf(Network& net, const std::string& name, const Value& x, int64_t channels, int64_t kernel) {
  std::vector<Value> stages{net.conv_block(name + ".cv1", x, {x.channels / 2})};
  for (size_t i = 0; i < 3; ++i) stages.push_back(net.max_pool(path(name, "m", i), stages.back(), kernel));
  return net.conv_block(name + ".cv2", net.concat(name + ".concat", stages), {channels});
}

Value classify(Network& net, const std::string& name, const Value& x, int64_t hidden, int64_t classes) {
  Value y = net.conv_block(name + ".conv", x, {hidden});
  y = net.flatten(name + ".flatten", net.global_avg_pool(name + ".pool", y));
  return net.linear(name + ".linear", y, classes);
}

std::vector<Value> anchor_detect(Network& net, const std::string& name, const std::vector<Value>& levels,
                                 int64_t anchors, int64_t classes) {
  std::vector<Value> outputs;
  for (size_t i = 0; i < levels.size(); ++i) {
    const std::string conv = path(name, "m", i);
    const int64_t width = 5 + classes;
    outputs.push_back(net.conv(conv, levels[i], {anchors * width}));
    const std::span<float> bias = net.bias(conv);
    for (int64_t a = 0; a < anchors; ++a) {
      bias[a * width + 4] += static_cast<float>(std::log(8 / cells(levels[i])));
      // 0.99999: with one class the prior is a large finite number, as published.
      for (int64_t c = 5; c < width; ++c)
        bias[a * width + c] += static_cast<float>(std::log(0.6 / (classes - 0.99999)));
    }
  }
  return outputs;
}

std::vector<Value> anchor_free_detect(Network& net, const std::string& name, const std::vector<Value>& levels,
                                      int64_t reg_max, int64_t classes) {
  const int64_t box_hidden = std::max({int64_t{16}, levels.front().channels / 4, 4 * reg_max});
  const int64_t class_hidden = std::max(levels.front().channels, std::min<int64_t>(classes, 100));
  const auto branch = [&](const char* part, size_t level, int64_t hidden, int64_t out, double prior) {
    const std::string base = path(name, part, level);
    Value y = net.conv_block(base + ".0", levels[level], {hidden, 3});
    y = net.conv_block(base + ".1", y, {hidden, 3});
    y = net.conv(base + ".2", y, {out});
    std::ranges::fill(net.bias(base + ".2"), static_cast<float>(prior));
    return y;
  };
  std::vector<Value> outputs;
  for (size_t i = 0; i < levels.size(); ++i) {
    outputs.push_back(branch("cv2", i, box_hidden, 4 * reg_max, 1.0));
    const double prior = std::log(5.0 / static_cast<double>(classes) / cells(levels[i]));
    outputs.push_back(branch("cv3", i, class_hidden, classes, prior));
  }
  return outputs;
}

}  // namespace quench::models
