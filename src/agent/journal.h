#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/json.h"
#include "score/scorer.h"

namespace quench::agent {

/// What one image gave.
struct ImageResult {
  score::Answer answer;
  std::string outputs_sha256;  ///< of the raw outputs; "" where not asked for
  bool operator==(const ImageResult&) const = default;
};

/// The `--state` file: what each image of an evaluation gave, so that a killed one goes on where it was. Text, a JSON
/// object a line: first which run it is of, then blocks of images in order. Floats are kept by their bits.
///
/// Lines are appended and synced; a torn last one (kill, power cut) is cut off. The file is locked while it is open, so
/// that an agent that is still at work is not disturbed by a second one.
class Journal {
 public:
  /// Opens the journal of `run`, or begins it. Throws Error{config} where it is of another run (names what differs),
  /// Error{io} where another process has it open, Error{data} where it is damaged before its end.
  Journal(std::filesystem::path path, const Json& run);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Calls `take` with every kept result, in order. Throws Error{data} naming the line that is damaged.
  void replay(const std::function<void(const ImageResult&)>& take);
  /// Keeps the next image's result with the following save().
  void add(const ImageResult& result);
  /// Writes and syncs what was added. Throws Error{io}: the file is then as it was before.
  void save();

 private:
  void begin(const Json& run);
  void append(const std::string& line);
  void cut(int64_t size);
  [[noreturn]] void fail_io(const char* doing) const;
  [[noreturn]] void fail_damaged(int64_t line) const;

  std::filesystem::path path_;
  int descriptor_ = -1;
  int64_t end_ = 0;              // bytes of whole lines
  int64_t first_ = 0;            // of the images that wait: its number
  Json images_ = Json::array();  // that wait for save()
};

}  // namespace quench::agent
