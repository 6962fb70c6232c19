#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/cancel.h"
#include "core/log.h"
#include "runtime/registry.h"
#include "study/archive.h"

namespace quench::study {

/// What came of a record when its work was done again on this machine.
struct VerifiedRow {
  std::string cell;
  std::optional<double> accuracy_then, accuracy_now;  ///< top-1 or mAP@[.5:.95], fractions
  std::optional<double> latency_then, latency_now;    ///< p50 in ns
  std::string fault;  ///< why its accuracy is another or was not computed; empty: it is what it was
  std::string note;   ///< why something was not tried: of another device, a forecast, a runtime that is not here
};

struct VerifyOptions {
  std::filesystem::path data_root;
  bool accuracy = true, latency = true;
  const runtime::Registry* registry = nullptr;
};

/// Does the work of an archive's records again: the accuracy of each model in its runtime on the test images, and
/// latencies, those that were timed in turn in turn again. Models and images are as the records say: other images
/// (their digest) are a fault. Native accuracies must be equal to the last image, for its results are the same bits
/// on every processor; those of other runtimes may differ by `kOtherRuntimes`. Latencies are told and never a fault.
/// Throws Error{cancelled}.
std::vector<VerifiedRow> verify(const Archive& archive, const VerifyOptions& options, const LogSink& log,
                                const CancelToken& cancel);

/// 2 in a thousand: other versions of a runtime round otherwise.
constexpr double kOtherRuntimes = 0.002;

}  // namespace quench::study
