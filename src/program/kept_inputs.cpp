#include "program/kept_inputs.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <optional>

#include "core/error.h"

namespace quench::program {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWritten[] = {"output", "page", "bibtex", "settings_file"};
constexpr const char* kRead[] = {"against",   "annotations", "calibration_list", "class_map", "classes_from",
                                 "config",    "data",        "detections",       "model",     "pretrained",
                                 "reference", "sensitivity", "source",           "teacher"};
/// Files that stand for the folder that they lie in.
constexpr const char* kStandFor[] = {"records.jsonl", "page.json", "data.json", "data.yaml", "data.yml"};
/// What the results of a study consist of; pages and tables made of them may lie beside.
constexpr const char* kStudyFiles[] = {"records.jsonl", "page.json", "data.json"};
constexpr const char* kStudyFolders[] = {"artifacts", "outcomes", "rounds", "timings", "stages"};
/// Of a data set whose description alone is named: work may go on beside it.
constexpr const char* kDataFolders[] = {"images", "labels", "annotations", "train", "val", "valid", "test"};
/// What commands write, by its extension: of a data set it is no part.
constexpr const char* kProducts[] = {".onnx", ".html", ".qpack"};

template <typename List>
bool holds(const List& list, const std::string& name) {
  return std::ranges::find(list, name) != std::end(list);
}

bool same_file(const fs::path& a, const fs::path& b) {
  std::error_code code;
  return fs::is_regular_file(a, code) && fs::equivalent(a, b, code);
}

/// The way from `folder` to a file inside it; none for one that is elsewhere.
std::optional<fs::path> way_inside(const fs::path& folder, const fs::path& file) {
  std::error_code code;
  const fs::path root = fs::canonical(folder, code);
  if (code) return std::nullopt;
  const fs::path whole = fs::canonical(file, code);
  if (code) return std::nullopt;
  fs::path way = whole.lexically_relative(root);
  if (way.empty() || *way.begin() == "..") return std::nullopt;
  return way;
}

/// What a command reads. described: a folder of which a file in it was named.
struct Input {
  fs::path path;
  bool described = false;
};

bool is_part_of(const Input& folder, const fs::path& file) {
  const std::optional<fs::path> way = way_inside(folder.path, file);
  if (!way) return false;
  std::error_code code;
  const fs::path within = way->parent_path();
  const std::string first = within.empty() ? "" : within.begin()->string();
  if (!fs::exists(folder.path / "records.jsonl", code)) {
    return !holds(kProducts, way->extension().string()) && (!folder.described || holds(kDataFolders, first));
  }
  return within.empty() ? holds(kStudyFiles, way->filename().string()) : holds(kStudyFolders, first);
}

std::vector<std::string> texts_of(const Json& value) {
  if (value.is_string()) return {value.get<std::string>()};
  std::vector<std::string> out;
  if (!value.is_array()) return out;
  for (const Json& entry : value) {
    if (entry.is_string()) out.push_back(entry);
  }
  return out;
}

std::vector<Input> read_by(const Invocation& invocation) {
  std::vector<Input> out;
  for (const std::string& input : invocation.inputs) out.push_back({input});
  for (const char* name : kRead) {
    const auto found = invocation.flags.find(name);
    if (found == invocation.flags.end()) continue;
    for (const std::string& text : texts_of(*found)) out.push_back({text});
  }
  for (size_t i = out.size(); i-- > 0;) {
    const fs::path file = out[i].path;
    const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
    if (holds(kStandFor, file.filename().string())) out.push_back({folder, true});
  }
  return out;
}

}  // namespace

void require_inputs_kept(const Invocation& invocation) {
  const std::vector<Input> inputs = read_by(invocation);
  for (const char* name : kWritten) {
    const auto found = invocation.flags.find(name);
    if (found == invocation.flags.end() || !found->is_string()) continue;
    const fs::path written = found->get<std::string>();
    std::error_code code;
    if (!fs::is_regular_file(written, code)) continue;  // nothing is lost
    for (const Input& input : inputs) {
      if (same_file(written, input.path)) {
        fail(ErrorKind::config, "{}: expected another file to write than {}, which is read: it would be lost",
             invocation.command, written.string());
      }
      if (fs::is_directory(input.path, code) && is_part_of(input, written)) {
        fail(ErrorKind::config,
             "{}: expected another file to write than {}, a part of the folder {}, which is read: it would be lost",
             invocation.command, written.string(), input.path.string());
      }
    }
  }
}

}  // namespace quench::program
