#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/places.h"
#include "runtime/runtime.h"

namespace quench::runtime {

/// The runtimes at hand, in order. Built explicitly: `base_registry()` lists those of quench_base; the lab adds torch.
class Registry {
 public:
  void add(std::unique_ptr<Runtime> runtime);
  /// Throws Error{config} naming the nearest for an unknown name, Error{unsupported} for one that is not available.
  const Runtime& require(const std::string& name) const;
  const std::vector<std::unique_ptr<Runtime>>& all() const { return runtimes_; }

 private:
  std::vector<std::unique_ptr<Runtime>> runtimes_;
};

Registry base_registry(const Places& places = {});

}  // namespace quench::runtime
