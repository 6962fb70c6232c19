#include "record/rounds.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "core/error.h"
#include "core/file.h"
#include "core/json_text.h"

namespace quench::record {

std::string rounds_path(std::string_view timing_id) {
  const bool is_word = !timing_id.empty() && timing_id.size() <= 64 && std::ranges::all_of(timing_id, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0;
  });
  if (!is_word)
    fail(ErrorKind::data, "[record.rounds] expected a timing_id of letters and digits, got '{}'", timing_id);
  return fmt::format("timings/{}.json", timing_id);
}

void write_rounds(const Rounds& rounds, std::string_view timing_id, const std::filesystem::path& results) {
  write_file(results / rounds_path(timing_id), json_text(Json{{"rounds_ns", rounds}}) + "\n");
}

Rounds read_rounds(std::string_view timing_id, const std::filesystem::path& results) {
  const std::filesystem::path file = results / rounds_path(timing_id);
  Rounds rounds;
  try {
    read_json(file).at("rounds_ns").get_to(rounds);
  } catch (const Json::exception&) {
    fail(ErrorKind::data, "[record.rounds] expected rounds_ns, lists of whole numbers by cell ({})", file.string());
  }
  for (const auto& [cell, medians] : rounds) {
    const bool possible = std::ranges::all_of(medians, [](int64_t ns) { return ns > 0; });
    if (!possible || medians.size() != rounds.begin()->second.size()) {
      fail(ErrorKind::data, "[record.rounds] expected as many times above 0 of each cell, got others of {} ({})", cell,
           file.string());
    }
  }
  return rounds;
}

}  // namespace quench::record
