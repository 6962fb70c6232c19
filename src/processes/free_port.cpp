#include "processes/free_port.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace quench::processes {

int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail(ErrorKind::io, "[processes] no socket: {}", std::strerror(errno));
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof any;
  const bool found = ::bind(fd, reinterpret_cast<const sockaddr*>(&any), size) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&any), &size) == 0;
  ::close(fd);
  if (!found) fail(ErrorKind::io, "[processes] no free port on this machine: {}", std::strerror(errno));
  return ntohs(any.sin_port);
}

}  // namespace quench::processes
