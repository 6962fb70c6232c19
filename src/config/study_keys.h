#pragma once

#include <string>
#include <vector>

#include "config/option.h"

namespace quench::config {

/// A key of a study file's first level.
struct StudyKey {
  std::string name;
  std::string value;          ///< what stands there, in words
  std::string default_value;  ///< in words; empty: it must be given
  std::string help;           ///< one line
};

/// The keys of a study file, in the order in which people write them.
const std::vector<StudyKey>& study_keys();

/// Keys of an entry of `devices`: a machine that rows are measured on.
const OptionSet& study_device_options();

/// Keys of an entry of `hosts`: a machine whose workers do jobs of the study.
const OptionSet& study_host_options();

/// What a kind of job asks of Slurm: an entry of `slurm`.
const OptionSet& slurm_options();

/// Keys of an entry of `forecast`: a device whose latency is computed.
const OptionSet& forecast_options();

}  // namespace quench::config
