#include "runtime/native/isa.h"

#include "core/error.h"
#include "core/text.h"

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#ifndef HWCAP_ASIMDDP
#define HWCAP_ASIMDDP (1 << 20)
#endif
#endif

namespace quench::runtime::native {

namespace {
constexpr Isa kAll[] = {Isa::plain, Isa::avx2, Isa::avx_vnni, Isa::avx512, Isa::avx512_vnni, Isa::neon, Isa::neon_dot};
}

const char* to_string(Isa isa) {
  switch (isa) {
    case Isa::plain: return "plain";
    case Isa::avx2: return "avx2";
    case Isa::avx_vnni: return "avx-vnni";
    case Isa::avx512: return "avx512";
    case Isa::avx512_vnni: return "avx512-vnni";
    case Isa::neon: return "neon";
    case Isa::neon_dot: return "neon-dot";
  }
  return "unknown";
}

Isa isa_from(const std::string& name) {
  std::vector<std::string> names;
  for (const Isa isa : kAll) {
    if (name == to_string(isa)) return isa;
    names.emplace_back(to_string(isa));
  }
  fail(ErrorKind::config, "[runtime.native] unknown instruction set '{}'{}", name, suggestion(name, names));
}

std::vector<Isa> available_isas() {
  std::vector<Isa> isas;
#if defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  const bool vnni = avx512 && __builtin_cpu_supports("avx512vnni");
  if (vnni && __builtin_cpu_supports("avx512vbmi")) isas.push_back(Isa::avx512_vnni);
  if (avx2 && (vnni || __builtin_cpu_supports("avxvnni"))) isas.push_back(Isa::avx_vnni);
  if (avx512) isas.push_back(Isa::avx512);
  if (avx2) isas.push_back(Isa::avx2);
#elif defined(__aarch64__)
#if defined(__linux__)
  if ((getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0) isas.push_back(Isa::neon_dot);
#endif
  isas.push_back(Isa::neon);
#endif
  isas.push_back(Isa::plain);
  return isas;
}

}  // namespace quench::runtime::native
