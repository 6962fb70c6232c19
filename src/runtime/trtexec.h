#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/shape.h"
#include "core/tensor.h"
#include "runtime/runtime.h"

namespace quench::runtime::trtexec {

// TensorRT's command-line tool: what it takes and what it writes, from TensorRT 8.0 (JetPack 4.6) to 10.x (JetPack 6).
// Its flags differ from version to version; what it takes is read from its own --help.

inline constexpr char kWhere[] = "runtime.tensorrt";  ///< the part that errors name

/// The tool of a machine.
struct Tool {
  std::filesystem::path path;
  std::string version;          ///< "8.2.1"; empty where it does not say
  std::set<std::string> flags;  ///< as --help lists them: "--onnx"

  bool has(const std::string& flag) const { return flags.contains(flag); }
};

/// From what `trtexec --help` prints. Throws Error{unsupported} naming the flags that quench needs and it does not
/// have.
Tool read_help(const std::filesystem::path& path, std::string_view help);

/// One input of one shape: "images:1x3x640x640". Throws Error{unsupported} for a name that the tool's lists cannot
/// hold (with ',' or ':' or a quote).
std::string shape_spec(const std::string& name, const Shape& shape);

/// How an engine is built.
struct Build {
  std::filesystem::path onnx;
  std::filesystem::path engine;  ///< written
  std::string shapes;            ///< shape_spec()
  bool fp16 = false;             ///< float layers may run in half precision
  bool int8 = false;             ///< the model holds Q/DQ
};
std::vector<std::string> build_command(const Tool& tool, const Build& build);

/// The settings of a build that change the engine, for naming it.
std::string build_key(const Tool& tool, const Build& build);

/// How an engine is run.
struct Run {
  std::filesystem::path engine;
  std::string shapes;
  std::string input_name;
  std::filesystem::path input;  ///< raw values; no ',' or ':' in its path
};

/// Times: at least `iterations` runs and `duration_seconds`, after `warm_up_ms`. With `profile` a second run takes the
/// times of each layer.
struct Timing {
  int64_t iterations = 1;
  int64_t duration_seconds = 0;
  int64_t warm_up_ms = 0;
  std::filesystem::path times;    ///< written
  std::filesystem::path profile;  ///< written where not empty
};
std::vector<std::string> timing_command(const Tool& tool, const Run& run, const Timing& timing);

/// One run, its outputs to a file.
std::vector<std::string> output_command(const Tool& tool, const Run& run, const std::filesystem::path& outputs);

/// What one run took.
struct Times {
  std::vector<int64_t> latencies_ns;  ///< transfer of the input, kernels, transfer of the outputs
  std::vector<int64_t> compute_ns;    ///< kernels alone
  double seconds = 0;                 ///< from the first one's start to the last one's end
  int64_t warm_up_runs = 0;           ///< in the file, left out (older versions write them)
};

/// Reads --exportTimes. Rows whose compute starts before warm_up_ms are warm-up. Throws Error{backend} naming `where`
/// for anything else than a list of such rows, or where none is left.
Times parse_times(std::string_view json, int64_t warm_up_ms, std::string_view where);

/// Reads --exportProfile: the layers of the engine (often several of the model's, fused) and their mean times, without
/// operations and MACs, which it does not tell. Throws Error{backend}.
std::vector<LayerTime> parse_profile(std::string_view json, std::string_view where);

struct NamedTensor {
  std::string name;
  Tensor tensor;  ///< float32
};

/// Reads --exportOutput, whose numbers may be nan and inf, which JSON does not have. Throws Error{backend} for another
/// form, and where a tensor has not as many values as its dimensions say.
std::vector<NamedTensor> parse_outputs(std::string_view text, std::string_view where);

/// The lines that say what went wrong ("[E] ..."), the last three; else the last line there is.
std::string failure_text(std::string_view output, std::string_view error);

}  // namespace quench::runtime::trtexec
