#include "config/requantization.h"

#include <string>

#include "config/activation_scales.h"
#include "core/error.h"

namespace quench::config {

bool has_dyadic_requantization(const Json& settings) {
  return settings.value("requantization", std::string("float")) == "dyadic";
}

void require_requantization(const Json& settings, std::string_view where) {
  if (!has_dyadic_requantization(settings)) return;
  if (const std::string target = settings.at("target"); target != "native") {
    fail(ErrorKind::config,
         "{}: expected the target native with 'requantization: dyadic', got {}, which requantizes by floats", where,
         target);
  }
  if (has_dynamic_activations(settings)) {
    fail(ErrorKind::config,
         "{}: expected 'activation_scales: static' with 'requantization: dyadic', got dynamic: a scale that is found "
         "as the model runs is a float",
         where);
  }
}

void require_silu_tables(const Json& given, std::string_view where) {
  const auto found = given.find("silu_tables");
  if (!has_dyadic_requantization(given) || found == given.end() || *found != Json(false)) return;
  fail(ErrorKind::config,
       "{}: expected no 'silu_tables: false' with 'requantization: dyadic': a SiLU between bytes is a table there, for "
       "without one it computes in floats",
       where);
}

}  // namespace quench::config
