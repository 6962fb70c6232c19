#pragma once

#include <string>
#include <vector>

namespace quench::runtime::native {

/// Instruction sets that kernels are written for. All give the same bits.
enum class Isa {
  plain,        ///< C++ alone; runs anywhere
  avx2,         ///< x86-64 with AVX2 and FMA
  avx_vnni,     ///< AVX2 with AVX-VNNI (Alder Lake, N100 and later), or the same by AVX512-VNNI and VL
  avx512,       ///< AVX-512 F BW DQ VL without VNNI (Skylake-SP and -X)
  avx512_vnni,  ///< AVX-512 F BW DQ VL with VNNI and VBMI (Ice Lake, Zen 4 and later)
  neon,         ///< ARMv8.0 (Cortex-A57, A72)
  neon_dot,     ///< ARMv8.2 with dot products (Cortex-A76, A78, Carmel)
};

/// "plain", "avx2", "avx-vnni", "avx512", "avx512-vnni", "neon", "neon-dot".
const char* to_string(Isa isa);
/// Throws Error{config} naming the nearest.
Isa isa_from(const std::string& name);

/// Those that this build holds and this processor runs, the best first. Always ends with `plain`.
std::vector<Isa> available_isas();

}  // namespace quench::runtime::native
