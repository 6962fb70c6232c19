#include "agent/tar_file.h"

#include <array>

#include "core/error.h"
#include "core/file.h"
#include "core/tar_header.h"

namespace quench::agent {
namespace {

void read_all(const InputFile& file, int64_t offset, std::span<std::byte> out) {
  if (file.read(offset, out)) return;
  fail(ErrorKind::data, "[agent.tar] expected {} bytes from byte {} on, got the end ({})", out.size(), offset,
       file.path().string());
}

}  // namespace

std::vector<TarMember> tar_members(const std::filesystem::path& archive) {
  const InputFile file(archive);
  std::vector<TarMember> members;
  std::array<char, kTarBlock> block{};
  for (int64_t at = 0;;) {
    read_all(file, at, std::as_writable_bytes(std::span(block)));
    at += static_cast<int64_t>(kTarBlock);
    const std::optional<TarHeader> header = read_tar_header(block, archive.string());
    if (!header) return members;
    if (header->regular()) members.push_back({header->name, at, header->size});
    at += header->size + static_cast<int64_t>(tar_padding(header->size));
  }
}

std::string read_member(const std::filesystem::path& archive, const TarMember& member) {
  const InputFile file(archive);
  if (member.offset + member.size > file.size()) {  // before memory is taken for it
    fail(ErrorKind::data, "[agent.tar] {} claims {} bytes, the archive ends before ({})", member.name, member.size,
         archive.string());
  }
  std::string bytes(static_cast<size_t>(member.size), '\0');
  read_all(file, member.offset, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

}  // namespace quench::agent
