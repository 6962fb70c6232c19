#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/cancel.h"
#include "core/tensor.h"
#include "graph/onnx_read.h"

namespace quench::runtime {

struct SessionOptions {
  int threads = 1;
  std::string profile_path = {};  ///< where set, the runtime writes its own profile there (ONNX Runtime)
  std::string isa = {};           ///< instruction set to use ("avx2"); empty: the best here (native)
  bool layer_times = false;       ///< run() notes the time of every layer: Session::layer_times() (native)
};

/// Of one layer in one run.
struct LayerTime {
  std::string layer;
  std::string operation;
  int64_t time_ns = 0;
  int64_t macs = 0;       ///< 0 where it does not multiply
  int64_t products = 0;   ///< multiplied for them: fewer than macs where an algorithm saves some (Winograd)
  double peak_gmacs = 0;  ///< billions of such products a second that the threads reach on registers alone
};

/// Whether a runtime can be used here, and why not.
struct Availability {
  bool available = false;
  std::string version;
  std::string reason;  ///< "built without onnxruntime: see docs/runtimes.md"
};

/// What is asked of a session that times itself.
struct OwnTimingRequest {
  int64_t min_samples = 1;
  double min_seconds = 0;
  double warm_up_seconds = 0;
  std::function<void()> before_samples = {};  ///< to be called where the model begins to run, and where it stops
  std::function<void()> after_samples = {};
  const CancelToken* cancel = nullptr;
};

struct OwnTiming {
  std::vector<int64_t> latencies_ns;  ///< one a run, none left out
  double seconds = 0;                 ///< from the first one's start to the last one's end
  int64_t warm_up_runs = 0;
};

/// One loaded model. Not thread-safe; one per thread.
class Session {
 public:
  virtual ~Session() = default;
  /// What run() takes: u8 raw pixels, or f32 in [0,1].
  virtual DType input_dtype() const = 0;
  /// input: [N,3,H,W] RGB of input_dtype(), any N >= 1. Returns the graph's outputs in order, float32.
  /// Throws Error{data} for another dtype or shape, Error{backend} where the library fails.
  virtual std::vector<Tensor> run(const Tensor& input) = 0;
  /// What the runtime made of the model, one line a fact ("int8 convolutions: 30 of 30"). May be empty.
  virtual std::vector<std::string> notes() const { return {}; }
  /// Of the latest run, in order; empty where the runtime cannot tell or was not asked to. Of a session that times
  /// itself: means over the runs of the latest own_timing().
  virtual std::vector<LayerTime> layer_times() const { return {}; }
  /// True where run() costs far more than the model (a program is started for it): latencies are then the session's
  /// own.
  virtual bool times_itself() const { return false; }
  /// Latencies of one image ([1,3,H,W] of input_dtype()), for sessions that time themselves; others throw
  /// Error{internal}.
  virtual OwnTiming own_timing(const Tensor& input, const OwnTimingRequest& request);
};

class Runtime {
 public:
  virtual ~Runtime() = default;
  virtual std::string name() const = 0;
  virtual Availability availability() const = 0;
  /// Bits in which it computes a model's float layers.
  virtual int float_bits() const { return 32; }
  /// Throws Error{unsupported} with the reason where it cannot run this model, Error{backend} otherwise.
  virtual std::unique_ptr<Session> load(const graph::ModelFile& model, const SessionOptions& options) const = 0;
};

/// uint8 pixels as the dtype that a session takes: u8 as is, f32 divided by 255.
/// Throws Error{data} for pixels that are not u8 or another dtype.
Tensor to_input(const Tensor& pixels, DType dtype);

/// Throws Error{data} unless `input` has the dtype and, but for dimension 0 (any N >= 1), the shape of one image.
/// For implementations of Session::run().
void require_input(const Tensor& input, DType dtype, const Shape& image_shape, std::string_view where);

}  // namespace quench::runtime
