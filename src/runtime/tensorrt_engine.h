#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/cancel.h"
#include "graph/onnx_read.h"
#include "runtime/trtexec.h"

namespace quench::runtime::trtexec {

/// A folder of its own, removed with this object.
class Scratch {
 public:
  /// Under `parent`, created where missing; empty: under the system's folder for temporary files. Throws Error{io}.
  explicit Scratch(const std::filesystem::path& parent);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// What identifies the GPU and its driver, read under `root`: engines of another one are of no use.
std::string device_text(const std::filesystem::path& root = "/");

/// One model's engines, one a batch size: built at first use, kept between runs.
class Engines {
 public:
  /// cache_folder: empty for none.
  Engines(Tool tool, const graph::ModelFile& model, bool fp16, std::filesystem::path cache_folder);

  /// Runs trtexec with the engine for inputs of `shape` and the command that `command` makes from it. An engine from
  /// the cache that cannot be run is built anew, once. Throws Error{unsupported} where the GPU cannot run the model,
  /// Error{backend} with trtexec's own words, Error{cancelled}.
  using Command = std::function<std::vector<std::string>(const Run&)>;
  void run(const Shape& shape, const Command& command, const std::function<void(std::string_view)>& on_line,
           const CancelToken* cancel);
  /// Makes sure of the engine for inputs of `shape`.
  void require(const Shape& shape);

  const Tool& tool() const { return tool_; }
  const std::filesystem::path& scratch() const { return scratch_.path(); }
  /// Where the raw values of the input go before run().
  std::filesystem::path input_file() const { return scratch_.path() / "input.bin"; }
  /// "batch 1 built in 41 s", "batch 1 from the cache".
  std::vector<std::string> notes() const;

 private:
  struct Engine {
    std::filesystem::path file;
    std::string shapes;
    bool from_cache = false;
    double seconds = 0;
  };
  Engine& engine(const Shape& shape);
  void build(const Build& build) const;

  Tool tool_;
  const graph::ModelFile& model_;
  bool fp16_;
  bool int8_;
  std::filesystem::path cache_folder_;
  Scratch scratch_;
  std::string input_name_;
  std::map<int64_t, Engine> engines_;  ///< by batch
};

}  // namespace quench::runtime::trtexec
