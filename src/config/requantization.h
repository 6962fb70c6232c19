#pragma once

#include <string_view>

#include "core/json.h"

namespace quench::config {

/// Whether `quantize` under these settings turns sums of integers into bytes by integer factors (`requantization:
/// dyadic`). Between bytes no value is a float then, so that a SiLU is a table whatever `silu_tables` is.
bool has_dyadic_requantization(const Json& settings);

/// Throws Error{config} naming `where` for effective settings of `quantize` that requantization by integers excludes:
/// another target than native, and scales of activations that are found as the model runs.
void require_requantization(const Json& settings, std::string_view where);

/// Throws Error{config} naming `where` for settings, as they were given, that ask for no tables of SiLU beside
/// requantization by integers, which has none but these.
void require_silu_tables(const Json& given, std::string_view where);

}  // namespace quench::config
