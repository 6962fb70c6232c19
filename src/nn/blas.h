#pragma once

namespace quench::nn {

/// Threads of OpenBLAS, where LibTorch computes with it (linear layers; convolutions do not go through it). Its own
/// pool of pthreads keeps spinning for some 30 ms after every product, on cores that LibTorch's OpenMP threads and the
/// data workers need: 1 is right for these networks, whose only product is the classifier. Process-wide, so a program
/// calls it once, never a library. Returns false, and does nothing, with another BLAS.
bool set_blas_threads(int threads);

}  // namespace quench::nn
