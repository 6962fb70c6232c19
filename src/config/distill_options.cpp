#include "config/tables.h"
#include "core/error.h"

namespace quench::config {
namespace {

/// Absent where it is not given: what is not distilled stays the work that it was.
Option where_given(Option option) {
  option.optional = true;
  return option;
}

}  // namespace

const OptionSet& distill_options() {
  using T = OptionType;
  static const OptionSet options({
      where_given({"teacher", T::text, nullptr,
                   "model to learn from beside the labels (distillation): an ONNX file of ours, or, in a study, "
                   "`original`: the model that the steps begin with"}),
      where_given({"distill",
                   T::text,
                   nullptr,
                   "what is compared with the teacher: outputs, feature maps, or both (default: logits)",
                   {"logits", "features", "both"}}),
      where_given({"distill_weight",
                   T::number,
                   nullptr,
                   "factor of each distillation loss beside the loss of the labels (default: 1)",
                   {},
                   0,
                   1e6}),
      where_given({"distill_temperature",
                   T::number,
                   nullptr,
                   "temperature of the distributions that are compared (default: 4 for a classifier's scores, else 1)",
                   {},
                   0.01,
                   1000}),
  });
  return options;
}

void require_teacher(const Json& settings, std::string_view where) {
  if (settings.contains("teacher")) {
    if (!settings["teacher"].get<std::string>().empty()) return;
    fail(ErrorKind::config, "{}: expected a file or `original` for 'teacher', got an empty text", where);
  }
  const Json given = distill_options().part_of(settings);
  if (given.empty()) return;
  fail(ErrorKind::config, "{}: expected a 'teacher' with '{}', got none", where, given.begin().key());
}

}  // namespace quench::config
