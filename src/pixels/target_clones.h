#pragma once

// QUENCH_CLONES before a function: dispatch to AVX2 by ifunc where compiler and C library have it. Not under
// sanitizers: ifuncs run before these are set up.
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define QUENCH_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define QUENCH_CLONES
#endif
