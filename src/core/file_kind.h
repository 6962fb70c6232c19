#pragma once

#include <string>
#include <string_view>

namespace quench {

/// What a file is that was taken for another, told by its first bytes, with what to do where that is known: "a Git LFS
/// pointer, not the file itself (`git lfs pull` fetches it)". Empty where nothing tells it.
std::string file_kind(std::string_view bytes);

}  // namespace quench
