#pragma once

namespace quench::nn {

/// Sets LibTorch's intra-op threads while alive. The number is the process's: what one part leaves behind changes the
/// rounding of convolutions in the next.
class IntraOpThreads {
 public:
  explicit IntraOpThreads(int threads);
  ~IntraOpThreads();
  IntraOpThreads(const IntraOpThreads&) = delete;
  IntraOpThreads& operator=(const IntraOpThreads&) = delete;

 private:
  int before_;
};

/// LibTorch's present number of intra-op threads; unless something has set it, OpenMP's: all processors, or
/// OMP_NUM_THREADS.
int intra_op_threads();

/// The same, but two where that is one. With one thread it computes 1x1
/// convolutions of fewer than 16 images by another function, which rounds otherwise; with two or more the number does
/// not matter. So what must not depend on the number of threads, or of processes that share them, takes this many.
int several_threads();

}  // namespace quench::nn
