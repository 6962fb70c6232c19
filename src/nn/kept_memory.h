#pragma once

namespace quench::nn {

/// Lets the C library keep memory that tensors gave back, up to 32 MiB a tensor, in place of returning it to the
/// system: the system hands out pages that it must clear first, which took a quarter of the time of models that run
/// layer by layer. The process then stays as large as it was at its largest. Process-wide, so a program calls it once,
/// never a library. Does nothing where the C library is not glibc.
void keep_freed_memory();

}  // namespace quench::nn
