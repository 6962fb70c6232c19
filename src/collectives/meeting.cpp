#include "collectives/meeting.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>

#include "core/clock.h"
#include "core/error.h"

namespace quench::collectives {
namespace {

class Socket {
 public:
  Socket(int family, int type) : fd_(::socket(family, type | SOCK_CLOEXEC, 0)) {
    if (fd_ < 0) fail(ErrorKind::io, "[collectives] no socket: {}", std::strerror(errno));
  }
  ~Socket() { ::close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

using Addresses = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

Addresses look_up(const processes::Place& place) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(place.address.c_str(), std::to_string(place.port).c_str(), &hints, &found);
  if (code != 0) {
    fail(ErrorKind::io,
         "[collectives] expected an address of rank 0 (MASTER_ADDR) that this machine knows, got '{}': {}",
         place.address, ::gai_strerror(code));
  }
  return {found, ::freeaddrinfo};
}

std::string address_text(const sockaddr_storage& address, socklen_t size) {
  std::array<char, NI_MAXHOST> text{};
  const int code = ::getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, text.data(), text.size(), nullptr,
                                 0, NI_NUMERICHOST);
  return code == 0 ? text.data() : "127.0.0.1";
}

/// This machine's end of a connection to the first of the addresses that listens; empty where none does.
std::string end_of_connection(const addrinfo* addresses) {
  for (const addrinfo* a = addresses; a != nullptr; a = a->ai_next) {
    const Socket socket(a->ai_family, a->ai_socktype);
    if (::connect(socket.fd(), a->ai_addr, a->ai_addrlen) != 0) continue;
    sockaddr_storage own{};
    socklen_t size = sizeof own;
    if (::getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&own), &size) == 0) return address_text(own, size);
  }
  return "";
}

}  // namespace

void require_free_port(int port) {
  const Socket socket(AF_INET, SOCK_STREAM);
  const int yes = 1;
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_port = htons(static_cast<uint16_t>(port));
  const bool free =
      ::bind(socket.fd(), reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0 && ::listen(socket.fd(), 1) == 0;
  if (free) return;
  fail(ErrorKind::io,
       "[collectives] expected port {} to be free for rank 0 to listen on, got: {} (MASTER_PORT names another)", port,
       std::strerror(errno));
}

void require_known_address(const processes::Place& place) { look_up(place); }

std::string own_address(const processes::Place& place, double seconds, const CancelToken* cancel) {
  const Addresses addresses = look_up(place);
  const int64_t start = now_ns();
  while (true) {
    if (cancel) cancel->check();
    if (std::string own = end_of_connection(addresses.get()); !own.empty()) return own;
    if (seconds_since(start) > seconds) {
      fail(ErrorKind::io,
           "[collectives] expected rank 0 to listen at {}:{} within {:g} s, got no answer: did it start, and may this "
           "machine reach that port?",
           place.address, place.port, seconds);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace quench::collectives
