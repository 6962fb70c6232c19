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

}  // namespace quench::nn
