#include "report/choices.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "config/tables.h"
#include "core/text.h"
#include "report/compare.h"

namespace quench::report {

using record::Record;

namespace {

std::string text_in(const Json& settings, const char* name) {
  const auto found = settings.find(name);
  return found != settings.end() && found->is_string() ? found->get<std::string>() : "";
}

int64_t number_in(const Json& settings, const char* name) {
  const auto found = settings.find(name);
  return found != settings.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

/// What one step of a chain chooses by images; empty: nothing.
const char* chosen_by(const std::string& step, const Json& settings) {
  const bool made = settings.contains("pictures") && settings["pictures"].is_string() && settings["pictures"] != "data";
  if (step == "assign_bits") return "bits of layers";
  if (step == "prune" && config::criterion_reads_images(text_in(settings, "criterion"))) return "channels";
  if (step == "sparsify" && text_in(settings, "criterion") == "taylor") return "weights that become zero";
  if (made) return "";
  if (step == "quantize" && text_in(settings, "activation_scales") != "dynamic") return "ranges";
  if (step == "adaround") return "roundings";
  if (step == "correct_bias" && text_in(settings, "correction") != "analytic") return "corrections of biases";
  return "";
}

/// Counted over rows.
struct Choices {
  int64_t best = 0, last = 0;   ///< epochs: by validation images, not at all
  std::set<std::string> kinds;  ///< of what training images chose
  int64_t by_images = 0;        ///< rows with such a choice
};

void add(const Record& row, Choices& choices) {
  const auto steps = row.config.is_object() ? row.config.find("steps") : row.config.end();
  bool by_images = false, trained = false, best = row.chosen_on == "validation";
  for (const Json& step : steps != row.config.end() && steps->is_array() ? *steps : Json::array()) {
    if (!step.is_object() || step.size() != 1 || !step.begin()->is_object()) continue;
    const std::string name = step.begin().key();
    const Json& settings = *step.begin();
    const bool trains = (name == "train" || name == "finetune") && number_in(settings, "epochs") > 0;
    trained = trained || trains;
    best = best || (trains && text_in(settings, "keep") == "best");
    if (const std::string kind = chosen_by(name, settings); !kind.empty()) {
      choices.kinds.insert(kind);
      by_images = true;
    }
  }
  choices.by_images += by_images;
  choices.best += best;
  choices.last += !best && (trained || row.chosen_on == "none");
}

}  // namespace

std::vector<std::string> choice_notes(const std::vector<Record>& rows) {
  Choices choices;
  for (const Record& row : rows) {
    if (is_ok(row) && !is_forecast(row)) add(row, choices);
  }
  std::vector<std::string> parts;
  if (choices.best > 0) {
    parts.push_back(
        fmt::format("the epoch on validation images, held out of training ({})", counted(choices.best, "row")));
  }
  if (choices.last > 0)
    parts.push_back(fmt::format("no epoch, the last one counts ({})", counted(choices.last, "row")));
  if (choices.by_images > 0) {
    parts.push_back(
        fmt::format("{} on training images ({})", fmt::join(choices.kinds, ", "), counted(choices.by_images, "row")));
  }
  if (parts.empty()) return {};
  return {
      fmt::format("What was chosen, and on which images: {}. No test image chose anything in a row; what this report "
                  "names as fastest or most accurate is picked by test images, and its figure is a little lucky.",
                  fmt::join(parts, "; "))};
}

}  // namespace quench::report
