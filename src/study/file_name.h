#pragma once

#include <string>

namespace quench::study {

/// The text as a name of files and folders: what is not ASCII, a letter, a digit or one of -_.@=, becomes '-'.
inline std::string file_name(std::string text) {
  for (char& c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || c == '.' || c == '@' || c == '=' || c == ',';
    if (!plain) c = '-';
  }
  return text;
}

}  // namespace quench::study
