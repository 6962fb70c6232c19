#pragma once

#include <torch/types.h>

#include <string>

namespace quench::train {

/// "cpu", "cuda" or "cuda:N" as a device that is there. Throws Error{config} for another text and Error{unsupported}
/// with the reason where this LibTorch or machine has no such device.
torch::Device open_device(const std::string& text);

/// Sets LibTorch's intra-op threads while alive.
class IntraOpThreads {
 public:
  explicit IntraOpThreads(int threads);
  ~IntraOpThreads();
  IntraOpThreads(const IntraOpThreads&) = delete;
  IntraOpThreads& operator=(const IntraOpThreads&) = delete;

 private:
  int before_;
};

}  // namespace quench::train
