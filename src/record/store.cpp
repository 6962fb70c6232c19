#include "record/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "core/error.h"
#include "core/file.h"
#include "core/json_text.h"

namespace quench::record {
namespace {

/// Cuts off a last line that a kill left half-written, so that it does not become a malformed line in the middle.
void drop_torn_line(const std::filesystem::path& file) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(file, ignored)) return;  // missing, or a device
  {
    std::ifstream tail(file, std::ios::binary);
    char last = '\n';
    if (!tail.seekg(-1, std::ios::end) || !tail.get(last) || last == '\n') return;  // empty or whole
  }
  const std::string content = read_file(file);
  const size_t start = content.rfind('\n') + 1;                         // npos + 1 is 0: the only line
  if (try_parse_json(std::string_view(content).substr(start))) return;  // lacks its end only
  std::error_code code;
  std::filesystem::resize_file(file, start, code);
  if (code) fail(ErrorKind::io, "[record] cannot append to {}: {}", file.string(), code.message());
}

}  // namespace

void append(const std::filesystem::path& file, const Record& record) { append(file, std::span(&record, 1)); }

void append(const std::filesystem::path& file, std::span<const Record> records) {
  if (records.empty()) return;
  drop_torn_line(file);
  std::string lines;
  for (const Record& record : records) lines += (lines.empty() ? "" : "\n") + json_text(to_json(record));
  append_line(file, lines);
}

Loaded load(const std::filesystem::path& file) { return load(read_file(file), file.string()); }

Loaded load(std::string_view content, const std::string& name) {
  Loaded loaded;
  int64_t number = 0;
  for (size_t start = 0; start < content.size();) {
    ++number;
    const size_t end = content.find('\n', start);
    const bool ended = end != std::string_view::npos;
    const std::string_view line(content.data() + start, (ended ? end : content.size()) - start);
    start = ended ? end + 1 : content.size();
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string where = fmt::format("{}:{}", name, number);
    try {
      std::vector<std::string> strange;
      loaded.records.push_back(from_json(parse_json(line, where), where, &strange));
      for (const std::string& problem : strange) {
        loaded.warnings.push_back(fmt::format("{}: line {}: a value is left out: {}", name, number, problem));
      }
    } catch (const Error& error) {
      loaded.warnings.push_back(ended ? fmt::format("{}: line {} is skipped: {}", name, number, error.what())
                                      : fmt::format("{}: line {}: torn, skipped", name, number));
    }
  }
  return loaded;
}

void tell_skipped(const Loaded& loaded, const LogSink& log) {
  constexpr size_t kMost = 10;
  for (size_t i = 0; i < std::min(kMost, loaded.warnings.size()); ++i) log.warning(loaded.warnings[i]);
  if (loaded.warnings.size() > kMost)
    log.warning(fmt::format("and {} lines or values more are skipped", loaded.warnings.size() - kMost));
}

std::vector<Record> latest(const std::vector<Record>& records) {
  std::vector<Record> out;
  std::map<std::string, size_t> place;
  for (const Record& record : records) {
    if (!record.cell) {  // belongs to no study: nothing supersedes it
      out.push_back(record);
      continue;
    }
    const std::string key = record.study.value_or("") + '\n' + *record.cell;
    const auto [found, is_new] = place.try_emplace(key, out.size());
    if (is_new) {
      out.push_back(record);
    } else {
      out[found->second] = record;
    }
  }
  return out;
}

std::vector<Record> of_cells(std::vector<Record> records, const std::vector<std::string>& cells) {
  if (cells.empty()) return records;
  std::map<std::string, Record*> by_cell;
  for (Record& record : records) by_cell[record.cell.value_or("")] = &record;
  std::vector<Record> out;
  for (const std::string& cell : cells) {
    if (const auto found = by_cell.find(cell); found != by_cell.end()) out.push_back(*found->second);
  }
  return out;
}

}  // namespace quench::record
