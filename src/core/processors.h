#pragma once

namespace quench {

/// Processors that this process may use, 1 at least: those of its affinity mask (what `taskset`, containers and batch
/// systems give it), or OMP_NUM_THREADS where that is a smaller positive number. It is what `threads: 0` means.
int usable_processors();

}  // namespace quench
