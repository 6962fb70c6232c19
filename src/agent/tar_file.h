#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace quench::agent {

/// A file in a tar archive.
struct TarMember {
  std::string name;
  int64_t offset = 0, size = 0;  ///< of its bytes, in the archive
};

/// The regular files of an archive without compression (POSIX ustar), in its order; other kinds are passed over.
/// Throws Error{data} for one that is damaged, Error{io} where it cannot be read.
std::vector<TarMember> tar_members(const std::filesystem::path& archive);

/// The bytes of a member. Throws Error{data} where the archive ends before, Error{io}.
std::string read_member(const std::filesystem::path& archive, const TarMember& member);

}  // namespace quench::agent
