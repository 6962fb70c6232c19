#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace quench {

/// Small, fast, portable random generator (xoshiro256**, Blackman & Vigna 2018), seeded by name so that streams do
/// not depend on the order of use: `Rng(seed, "augment", epoch, index)`. The same on every platform, distributions too.
class Rng {
 public:
  Rng(uint64_t seed, std::string_view name, uint64_t a = 0, uint64_t b = 0);

  uint64_t next();
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Uniform integer in [0, n), without bias. n > 0.
  uint64_t below(uint64_t n);
  /// Standard normal (Marsaglia polar).
  double normal();
  /// True with probability p.
  bool chance(double p) { return uniform() < p; }
  /// Beta(a, a) by Johnk/gamma draws, for mixup. a > 0.
  double beta(double a);

  /// Whole state, for checkpoints.
  std::array<uint64_t, 4> state() const { return state_; }
  void set_state(const std::array<uint64_t, 4>& state) { state_ = state; }

 private:
  double gamma(double shape);
  std::array<uint64_t, 4> state_{};
};

/// 0..n-1 in random order (Fisher-Yates).
std::vector<int64_t> permutation(int64_t n, Rng& rng);

}  // namespace quench
