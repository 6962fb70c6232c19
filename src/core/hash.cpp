#include "core/hash.h"

#include <sha256.h>

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "core/file.h"

namespace quench {

struct Sha256::State {
  SHA256_CTX context;
};

Sha256::Sha256() : state_(new State) { SHA256Init(&state_->context); }
Sha256::~Sha256() { delete state_; }

void Sha256::update(std::span<const std::byte> bytes) {
  SHA256Update(&state_->context, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}
void Sha256::update(std::string_view text) { update(std::as_bytes(std::span(text.data(), text.size()))); }

std::string Sha256::bytes() {
  uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256Final(digest, &state_->context);
  return {reinterpret_cast<const char*>(digest), sizeof digest};
}

std::string Sha256::hex() { return to_hex(bytes()); }

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto value = static_cast<unsigned char>(c);
    text += kDigits[value >> 4];
    text += kDigits[value & 15];
  }
  return text;
}

std::string sha256_hex(std::string_view text) {
  Sha256 digest;
  digest.update(text);
  return digest.hex();
}

std::string sha256_file(const std::filesystem::path& path) {
  const InputFile file(path);
  Sha256 digest;
  std::vector<std::byte> block(1 << 16);
  for (int64_t done = 0; done < file.size();) {
    block.resize(static_cast<size_t>(std::min<int64_t>(1 << 16, file.size() - done)));
    if (!file.read(done, block)) fail(ErrorKind::io, "[hash] {} became shorter while it was read", path.string());
    digest.update(block);
    done += static_cast<int64_t>(block.size());
  }
  return digest.hex();
}

}  // namespace quench
