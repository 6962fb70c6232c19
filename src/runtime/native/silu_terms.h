#pragma once

namespace quench::runtime::native {

/// SiLU between a convolution's sum and bytes: silu(x) ~ max(x, 0) + n Q(n), n = max(-|x|, -9), Q(n) = sum of
/// kSiluTerms[i] n^i from the highest power down (Horner, fused multiply-adds). Fitted by minimax to -a / (1 + e^a), a
/// = -n, over [0, 9]: off by 1e-4 where |x| < 4, by 3e-4 up to 9, by 1e-3 beyond, where a byte's step is 0.035 and
/// more. No exponential and no division.
constexpr float kSiluLeast = -9.0f;
constexpr float kSiluTerms[] = {4.980652034e-01f,  2.368643880e-01f,  -3.046504408e-02f, -5.473721772e-02f,
                                -2.013475448e-02f, -3.985650372e-03f, -4.785516358e-04f, -3.490218296e-05f,
                                -1.425239702e-06f, -2.501494656e-08f};

}  // namespace quench::runtime::native
