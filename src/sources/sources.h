#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace quench::sources {

/// A file as it is published.
struct File {
  std::string folder;  ///< its address without its name, with a slash at the end
  std::string name;
  int64_t bytes = 0;   ///< 0: not known
  std::string sha256;  ///< 64 lower-case hex digits; empty: not known
  std::string md5;     ///< 32 lower-case hex digits, where SHA-256 is not known; empty: not known
  /// Of an archive: the begin of the names of those entries that are unpacked; empty: all.
  std::vector<std::string> entries = {};
  /// Of an archive: the folder that it is unpacked in, below the root ("": the root).
  std::string unpacked_in = {};

  std::string address() const { return folder + name; }
  bool is_archive() const { return name.ends_with(".zip") || name.ends_with(".tar.gz"); }
};

/// A file that is written beside those that were fetched.
struct Made {
  std::string name;
  std::string content;
};

enum class Kind { weights, data };

/// A model's weights or a data set, by name.
struct Source {
  std::string name;
  Kind kind;
  std::string licence;                ///< whole sentences
  std::string place;                  ///< folder below the root ($QUENCH_DATA, else ~/.cache/quench)
  std::vector<std::string> contents;  ///< files and folders of `place` that are there once it is whole
  std::vector<File> files;            ///< in the order in which they are fetched
  std::vector<Made> made = {};        ///< written at last
};

/// All that can be fetched: the one table, in table.cpp.
const std::vector<Source>& table();

/// The entry of that name and kind; null: none.
const Source* find(std::string_view name, Kind kind);

/// Names of a kind, in the table's order.
std::vector<std::string> names(Kind kind);

/// The command that fetches it: "quench fetch yolov8n".
std::string command(const Source& source);

/// Where the file of a weights' entry lies: <root>/weights/yolov8n.pt.
std::filesystem::path weights_file(const Source& weights, const std::filesystem::path& root);

/// What to say of a model's file that is not there: "; `quench fetch yolov8n` downloads it (or put it at ...)"; empty
/// where neither the name nor the file's name is that of released weights.
std::string how_to_get(std::string_view name_or_file, const std::filesystem::path& root);

/// The weights that a name or a file's name means, where no such file is there: "yolov8n", "yolov8n.pt". Null: none.
const Source* weights_named(std::string_view name_or_file);

}  // namespace quench::sources
