#pragma once

#include <algorithm>
#include <map>

#include "config/calibrate_options.h"
#include "config/tables.h"
#include "error_testing.h"
#include "quant_refine_testing.h"

namespace quench::calibration {

/// Soft gradients of random colours; some pictures are replaced.
class GradientDataset final : public data::Dataset {
 public:
  enum class Kind { flat, copy, near_copy, noise };
  struct Replaced {
    Kind kind;
    int64_t of = 0;  ///< of copies
  };

  GradientDataset(int64_t count, std::map<int64_t, Replaced> replaced = {})
      : count_(count), replaced_(std::move(replaced)) {}
  int64_t size() const override { return count_; }
  const std::vector<std::string>& classes() const override { return classes_; }
  int32_t label(int64_t index) const override { return static_cast<int32_t>(index % 5); }
  data::Sample at(int64_t index) const override { return {Tensor::from(pixels(index), {16, 16, 3}), label(index), {}}; }
  std::string digest() const override { return "gradients"; }

 private:
  std::vector<uint8_t> pixels(int64_t index) const {
    const auto found = replaced_.find(index);
    Rng rng(5, "gradients", static_cast<uint64_t>(index));
    std::vector<uint8_t> out(16 * 16 * 3);
    if (found != replaced_.end()) {
      const Replaced& how = found->second;
      if (how.kind == Kind::copy) return pixels(how.of);
      if (how.kind == Kind::near_copy) {
        out = pixels(how.of);
        for (uint8_t& p : out)
          p = static_cast<uint8_t>(std::clamp<int>(p + static_cast<int>(rng.below(5)) - 2, 0, 255));
        return out;
      }
      for (uint8_t& p : out) p = how.kind == Kind::flat ? 90 : static_cast<uint8_t>(rng.below(2) * 255);
      return out;
    }
    for (size_t c = 0; c < 3; ++c) {
      const double base = rng.uniform(60, 160), across = (rng.chance(0.5) ? 1 : -1) * rng.uniform(3, 6);
      const double down = rng.uniform(-3, 3);
      for (size_t i = 0; i < 256; ++i) {
        const double x = static_cast<double>(i % 16) - 7.5, y = static_cast<double>(i / 16) - 7.5;
        out[i * 3 + c] =
            static_cast<uint8_t>(std::clamp(base + across * x + down * y + rng.uniform(-6, 6), 0.0, 255.0));
      }
    }
    return out;
  }

  int64_t count_;
  std::map<int64_t, Replaced> replaced_;
  std::vector<std::string> classes_{"a", "b", "c", "d", "e"};
};

inline data::Splits gradient_splits(int64_t count = 160, std::map<int64_t, GradientDataset::Replaced> replaced = {}) {
  const auto images = std::make_shared<GradientDataset>(count, std::move(replaced));
  return {"gradients", images, images};
}

template <typename Function>
void expect_error(Function function, ErrorKind kind, const std::string& part) {
  const auto [found, message] = error_of(function);
  EXPECT_EQ(found, kind) << message;
  EXPECT_NE(message.find(part), std::string::npos) << message;
}

inline graph::ModelFile file_of(const graph::Graph& graph) { return {"model.onnx", "", "0123456789abcdef0123", graph}; }

inline Json calibrate_settings(std::initializer_list<std::pair<const char*, Json>> changes = {}) {
  Json settings = config::calibrate_options().defaults();
  settings["candidates"] = 64;
  settings["score_images"] = 40;
  settings["data"] = "gradients";
  for (const auto& [key, value] : changes) settings[key] = value;
  return settings;
}

}  // namespace quench::calibration
