#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"

namespace quench::testing {

/// A loopback HTTP server of one thread for download tests: serves texts by path, knows "Range: bytes=N-" and If-Range,
/// can drop the connection after a number of body bytes, and redirects.
class HttpServer {
 public:
  explicit HttpServer(std::map<std::string, std::string> files) : files_(std::move(files)) {
    socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (::bind(socket_, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(socket_, 8) != 0 ||
        ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
      fail(ErrorKind::io, "no loopback socket");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~HttpServer() {
    stop_ = true;
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }
  int port() const { return port_; }
  /// The next answer stops after this many body bytes.
  std::atomic<int64_t> drop_after{-1};
  std::atomic<bool> ranges{true};
  /// Says another begin of the range than was asked for.
  std::atomic<bool> wrong_range{false};
  /// Other content from now on; its ETag is another one.
  void replace(const std::string& path, std::string content) {
    std::lock_guard lock(mutex_);
    files_[path] = std::move(content);
  }
  /// Answers a path with a redirect to an address.
  void redirect(const std::string& path, std::string address) {
    std::lock_guard lock(mutex_);
    redirects_[path] = std::move(address);
  }
  /// The first bytes that requests asked for, in order.
  std::vector<int64_t> offsets() {
    std::lock_guard lock(mutex_);
    return offsets_;
  }

 private:
  static void send_all(int client, const std::string& bytes) {
    for (size_t at = 0; at < bytes.size();) {
      const ssize_t n = ::send(client, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (n <= 0) return;
      at += static_cast<size_t>(n);
    }
  }
  void serve() {
    while (!stop_) {
      const int client = ::accept(socket_, nullptr, nullptr);
      if (client < 0) return;
      std::string request;
      char block[4096];
      while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t n = ::recv(client, block, sizeof block, 0);
        if (n <= 0) break;
        request.append(block, static_cast<size_t>(n));
      }
      answer(client, request);
      ::close(client);
    }
  }
  void answer(int client, const std::string& request) {
    const size_t begin = request.find(' ') + 2, end = request.find(' ', begin);
    const std::string path = request.substr(begin, end - begin);
    std::unique_lock held(mutex_);
    if (const auto to = redirects_.find(path); to != redirects_.end()) {
      return send_all(client, "HTTP/1.1 302 Found\r\nLocation: " + to->second + "\r\nContent-Length: 0\r\n\r\n");
    }
    const auto found = files_.find(path);
    if (found == files_.end()) return send_all(client, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    size_t offset = 0;
    if (const size_t at = request.find("Range: bytes="); at != std::string::npos) {
      offset = std::stoul(request.substr(at + 13));
    }
    offsets_.push_back(static_cast<int64_t>(offset));
    const std::string etag = "\"" + std::to_string(std::hash<std::string>()(found->second)) + "\"";
    if (const size_t at = request.find("If-Range: "); at != std::string::npos) {
      if (request.substr(at + 10, etag.size()) != etag) offset = 0;
    }
    const size_t size = found->second.size();
    if (!ranges) offset = 0;
    if (offset > 0 && offset >= size) {
      return send_all(client, "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n");
    }
    std::string head = offset > 0 ? "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes " +
                                        std::to_string(wrong_range ? 0 : offset) + "-" + std::to_string(size - 1) +
                                        "/" + std::to_string(size) + "\r\n"
                                  : "HTTP/1.1 200 OK\r\n";
    head += "Content-Length: " + std::to_string(size - offset) + "\r\nETag: " + etag + "\r\nConnection: close\r\n\r\n";
    std::string body = found->second.substr(offset);
    if (const int64_t limit = drop_after.exchange(-1); limit >= 0) {
      body.resize(std::min(body.size(), static_cast<size_t>(limit)));
    }
    held.unlock();
    send_all(client, head + body);
  }

  std::map<std::string, std::string> files_, redirects_;
  int socket_ = -1;
  int port_ = 0;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::vector<int64_t> offsets_;
  std::thread thread_;
};

}  // namespace quench::testing
