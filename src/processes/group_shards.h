#pragma once

#include "core/shards.h"
#include "processes/group.h"

namespace quench::processes {

/// The processes of a group, for work that is shared by pictures. An exchange waits for as long as the slowest needs.
class GroupShards : public Shards {
 public:
  /// group: outlives this.
  explicit GroupShards(Group& group) : group_(group) {}
  int rank() const override { return group_.rank(); }
  int count() const override { return group_.world_size(); }
  std::vector<std::string> exchange(std::string mine) const override {
    group_.barrier(true);
    return group_.gather(mine);
  }

 private:
  Group& group_;
};

}  // namespace quench::processes
