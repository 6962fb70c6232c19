#pragma once

#include <filesystem>
#include <string>

#include "metrics/outcomes.h"

namespace quench::study {

/// Writes outcomes below a study's results as `outcomes/<first 16 digits of the SHA-256 of their JSON>.json.gz`, unless
/// the file is there, and returns that path: what a record's `outcomes` says. Rows with equal outcomes share a file.
/// Throws Error{io}.
std::string write_outcomes(const metrics::Outcomes& outcomes, const std::filesystem::path& results);

}  // namespace quench::study
