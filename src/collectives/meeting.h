#pragma once

#include <string>

#include "core/cancel.h"
#include "processes/place.h"

namespace quench::collectives {

/// Throws Error{io} where this machine cannot listen on the port: another program does.
void require_free_port(int port);

/// Throws Error{io} where this machine does not know the address of rank 0.
void require_known_address(const processes::Place& place);

/// Waits until rank 0 listens at the place, and gives this machine's address on the way there, by which the others
/// reach this process. Throws Error{io} where the address is not known, or nobody listens in time; Error{cancelled}.
std::string own_address(const processes::Place& place, double seconds, const CancelToken* cancel);

}  // namespace quench::collectives
