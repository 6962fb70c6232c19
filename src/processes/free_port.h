#pragma once

namespace quench::processes {

/// A TCP port of this machine's loopback that nothing listens on now; another program may take it the moment after.
/// Throws Error{io} where there is none.
int free_port();

}  // namespace quench::processes
