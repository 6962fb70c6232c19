#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace quench::data {

/// Whether no part of a data set: hidden (the name begins with a dot), or what systems leave beside files
/// (`__MACOSX`, `@eaDir`, `$RECYCLE.BIN`, ...).
bool is_hidden(const std::filesystem::path& path);
/// The same of the name alone.
bool is_hidden_name(std::string_view name);

/// Whether the name of a folder or file says that split, in any case: "train" (training), "val" (valid, validation) or
/// "test" (testing).
bool names_split(std::string_view name, std::string_view split);

/// The sub-folder of `folder` that is that split; an empty path where there is none.
std::filesystem::path folder_of_split(const std::filesystem::path& folder, std::string_view split);

/// Which tails of a name that is nowhere may be looked for.
enum class Tails {
  of_absolute,  ///< of a path that begins at a root, of this or another machine
  of_all,
};

/// Finds files and folders as a data set names them, whoever wrote it: below several places, with backslashes for
/// slashes, and, where a path begins at a root that is not here (`C:\data\images\a.jpg`, `/content/data/...`), by its
/// longest tail that is. Parts that name a split are never taken off.
class FileFinder {
 public:
  /// places: folders, in the order in which they are looked in.
  explicit FileFinder(std::vector<std::filesystem::path> places, Tails tails = Tails::of_absolute);

  /// The file (or, where `folders`, also the folder) of that name; an empty path where there is none, or where the file
  /// that a tail finds is another name's already.
  std::filesystem::path find(const std::string& name, bool folders = false);
  /// The longest tail of the name that is a file, whatever begins it; empty where none is.
  std::string tail_of(const std::string& name) const;
  const std::vector<std::filesystem::path>& places() const { return places_; }
  /// "A, B, C": the places, each once.
  std::string places_text() const;
  /// Where tails were taken: "/content/data is not here: its files are taken from /home/me/data"; else empty.
  const std::string& note() const { return note_; }

 private:
  std::filesystem::path at(const std::filesystem::path& name, bool folders);

  std::vector<std::filesystem::path> places_;
  Tails tails_;
  size_t last_ = 0;
  std::map<std::filesystem::path, std::string> by_tail_;  ///< files that were found by a tail, and under which name
  std::string note_;
};

}  // namespace quench::data
