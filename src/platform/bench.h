#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "core/cancel.h"
#include "core/log.h"
#include "platform/conditions.h"
#include "record/record.h"
#include "runtime/measure.h"

namespace quench::platform {

/// Latency of one session, and what the machine did meanwhile.
struct Benched {
  runtime::Measurement measurement;
  Conditions conditions;
  std::optional<double> energy_mj;  ///< for one image: all that the meter measured, the machine at rest included
};

/// Latencies of sessions in turn (runtime/measure.h), with the machine's conditions read under `root` from the end of
/// the warm-up on. One session, or one that times itself: everything is of the same runs. Several: temperature,
/// frequency and throttling are those of all of them together; power and energy, which cannot be told apart there, are
/// measured afterwards, each session alone for options.min_seconds, where the machine has a meter. Throws as
/// measure_interleaved.
std::vector<Benched> bench(const std::vector<runtime::Session*>& sessions, const std::vector<Tensor>& inputs,
                           const runtime::MeasureOptions& options, const CancelToken& cancel,
                           const std::filesystem::path& root = "/");

/// Says what could not be measured (one line), and warns of throttling.
void tell_conditions(const Conditions& conditions, const LogSink& log);

/// Latency, energy and conditions as a record has them.
void set_bench(record::Record& record, const Benched& benched);

}  // namespace quench::platform
