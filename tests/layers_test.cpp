// Holds the layers of the design: which folder may include which, where LibTorch and OpenCV headers may stand, how
// long a file may be.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "core/file.h"

namespace quench {
namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

constexpr int kLongestFile = 600;

/// A folder may include itself, folders of lower levels, and those named beside it.
struct Folder {
  int level;
  Names sideways;
};
const std::map<std::string, Folder> kFolders = {
    {"core", {0, {}}},
    {"figures", {1, {}}},
    {"config", {1, {}}},
    {"pixels", {1, {}}},
    {"sources", {1, {}}},
    {"processes", {1, {}}},
    {"picture_files", {1, {}}},
    {"graph", {1, {}}},
    {"models", {2, {}}},
    {"onnx", {2, {}}},
    {"metrics", {2, {}}},
    {"runtime", {3, {}}},
    {"record", {3, {}}},
    {"score", {3, {}}},
    {"stats", {3, {}}},
    {"pack", {3, {}}},
    {"weights", {3, {}}},
    {"program", {3, {}}},
    {"fetch", {3, {}}},
    {"methods", {2, {}}},
    {"prune", {3, {}}},
    {"platform", {4, {}}},
    {"exports", {4, {}}},
    {"prediction", {4, {}}},
    {"data", {4, {}}},
    {"collectives", {4, {}}},
    {"nn", {4, {}}},
    {"remote", {5, {}}},
    {"devices", {5, {}}},
    {"train", {5, {}}},
    {"quant", {5, {}}},
    {"inference", {5, {}}},
    {"report", {5, {}}},
    {"latency_table", {6, {}}},
    {"evaluation", {6, {}}},
    {"bits", {6, {"latency_table"}}},
    {"calibration", {6, {"bits"}}},
    {"why", {6, {"bits"}}},
    {"steps", {7, {}}},
    {"study", {8, {}}},
    {"cli", {9, {}}},
    {"agent", {9, {}}},
    {"library", {9, {}}},
};
/// Tighter than their level: what reads results must not need models, and what is cross-compiled must stay small.
const std::map<std::string, Names> kOnly = {
    {"figures", {"core"}},
    {"report", {"core", "config", "figures", "methods", "metrics", "record", "stats"}},
    {"record", {"core"}},
    {"sources", {"core"}},
    {"processes", {"core"}},
    {"collectives", {"core", "processes"}},
    {"fetch", {"core", "sources"}},
    {"config", {"core"}},
    {"exports", {"core", "graph", "runtime"}},
    {"pack", {"core"}},
    {"pixels", {"core"}},
    {"picture_files", {"core"}},
    {"prediction", {"core", "graph", "models", "pixels", "runtime", "score"}},
    {"program", {"core", "config"}},
    {"methods", {"core", "config"}},
    {"prune", {"core", "config", "graph", "metrics"}},
    {"remote", {"core", "record", "platform", "graph", "metrics", "runtime", "score"}},
    {"quant", {"core", "config", "graph", "models", "metrics", "data", "nn"}},
    {"train", {"core", "config", "graph", "models", "metrics", "score", "data", "nn", "processes"}},
    {"library", {"core", "graph", "models", "prediction", "runtime"}},
    {"agent",
     {"core", "picture_files", "config", "graph", "models", "metrics", "runtime", "score", "pack", "pixels",
      "prediction", "record", "platform", "program"}},
};
const Names kBase = {"core",       "config",  "graph",   "models",        "metrics",       "weights",  "runtime",
                     "record",     "score",   "pack",    "platform",      "report",        "agent",    "devices",
                     "remote",     "program", "prune",   "latency_table", "stats",         "figures",  "pixels",
                     "prediction", "library", "sources", "onnx",          "picture_files", "processes"};

bool may_include(const std::string& from, const std::string& to) {
  if (from == to) return true;
  if (const auto only = kOnly.find(from); only != kOnly.end()) return only->second.contains(to);
  return kFolders.at(to).level < kFolders.at(from).level || kFolders.at(from).sideways.contains(to);
}

std::vector<fs::path> files_under(const fs::path& root) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root)) {
    const std::string extension = entry.path().extension().string();
    if (entry.is_regular_file() && (extension == ".h" || extension == ".cpp")) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

std::vector<fs::path> sources() { return files_under(fs::path(QUENCH_SOURCE_DIR) / "src"); }

std::string folder_of(const fs::path& file) {
  return fs::relative(file, fs::path(QUENCH_SOURCE_DIR) / "src").begin()->string();
}

struct Include {
  std::string path;
  int line;
};
std::vector<Include> includes_of(const std::string& content) {
  std::vector<Include> found;
  std::istringstream lines(content);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const size_t hash = line.find_first_not_of(" \t");
    if (hash == std::string::npos || line[hash] != '#') continue;
    const size_t word = line.find_first_not_of(" \t", hash + 1);
    if (word == std::string::npos || line.compare(word, 7, "include") != 0) continue;
    const size_t open = line.find_first_of("\"<", word + 7);
    if (open == std::string::npos) continue;
    const size_t close = line.find(line[open] == '<' ? '>' : '"', open + 1);
    if (close != std::string::npos) found.push_back({line.substr(open + 1, close - open - 1), number});
  }
  return found;
}

/// Offences of one file against the include rules, as "file:line: ...".
std::vector<std::string> offences(const std::string& folder, const std::string& content, const std::string& where) {
  std::vector<std::string> found;
  for (const auto& [path, line] : includes_of(content)) {
    const std::string target = path.substr(0, path.find('/'));
    if (path.find('/') != std::string::npos && kFolders.contains(target) && !may_include(folder, target)) {
      found.push_back(fmt::format("{}:{}: {}/ (level {}) includes {} (level {})", where, line, folder,
                                  kFolders.at(folder).level, path, kFolders.at(target).level));
    }
    const bool torch = target == "torch" || target == "ATen" || target == "c10" || target == "caffe2";
    if (torch && (kBase.contains(folder) || folder == "data" || folder == "cli")) {
      found.push_back(fmt::format("{}:{}: {}/ includes LibTorch's {}", where, line, folder, path));
    }
    if (target == "opencv2" && folder != "data") {
      found.push_back(fmt::format("{}:{}: {}/ includes OpenCV's {}", where, line, folder, path));
    }
  }
  return found;
}

TEST(Layers, EveryFolderHasALevel) {
  for (const fs::directory_entry& entry : fs::directory_iterator(fs::path(QUENCH_SOURCE_DIR) / "src")) {
    if (entry.is_directory()) {
      EXPECT_TRUE(kFolders.contains(entry.path().filename().string())) << entry.path();
    }
  }
}

TEST(Layers, FoldersIncludeLowerLevelsOnly) {
  int files = 0;
  for (const fs::path& file : sources()) {
    ++files;
    const std::string where = fs::relative(file, QUENCH_SOURCE_DIR).string();
    for (const std::string& offence : offences(folder_of(file), read_file(file), where)) ADD_FAILURE() << offence;
  }
  EXPECT_GT(files, 50);
}

// The rules themselves, so that a loosened one is seen.
TEST(Layers, TheRulesBite) {
  const auto count = [](const char* folder, const char* content) { return offences(folder, content, "x.cpp").size(); };
  EXPECT_EQ(count("graph", "#include \"core/error.h\"\n#include \"graph/graph.h\"\n#include <vector>\n"), 0u);
  EXPECT_EQ(count("graph", "#include \"models/spec.h\"\n"), 1u);        // upwards
  EXPECT_EQ(count("graph", "  #  include \"config/option.h\"\n"), 1u);  // sideways
  EXPECT_EQ(count("train", "#include \"quant/observer.h\"\n"), 1u);
  EXPECT_EQ(count("quant", "#include \"train/loop/trainer.h\"\n"), 1u);
  EXPECT_EQ(count("nn", "#include \"data/sets/dataset.h\"\n"), 1u);
  EXPECT_EQ(count("steps", "#include \"inference/evaluate.h\"\n"), 0u);
  EXPECT_EQ(count("inference", "#include \"steps/compress.h\"\n"), 1u);
  EXPECT_EQ(count("platform", "#include \"remote/ssh.h\"\n"), 1u);
  EXPECT_EQ(count("program", "#include \"cli/print.h\"\n"), 1u);
  EXPECT_EQ(count("agent", "#include \"cli/print.h\"\n"), 1u);
  EXPECT_EQ(count("nn", "#include \"runtime/runtime.h\"\n#include <torch/torch.h>\n"), 0u);
  EXPECT_EQ(count("report", "#include \"graph/graph.h\"\n"), 1u);
  EXPECT_EQ(count("report", "#include \"record/record.h\"\n"), 0u);
  EXPECT_EQ(count("runtime", "#include <torch/torch.h>\n"), 1u);
  EXPECT_EQ(count("train", "#include <opencv2/core.hpp>\n"), 1u);
  EXPECT_EQ(count("data", "#include <opencv2/core.hpp>\n"), 0u);
  EXPECT_EQ(count("core", "#include \"json.h\"\n// #include \"cli/main.h\"\n"), 0u);
}

// The link lines must say the same as the includes: quench_folder(... USES ...) names lower levels only.
TEST(Layers, LinkedFoldersAreLowerLevelsToo) {
  for (const auto& [folder, rule] : kFolders) {
    const fs::path list = fs::path(QUENCH_SOURCE_DIR) / "src" / folder / "CMakeLists.txt";
    if (folder == "cli" || !fs::exists(list)) continue;
    std::istringstream words(read_file(list));
    bool uses = false;
    for (std::string word; words >> word;) {
      const bool last = word.ends_with(")");
      if (last) word.pop_back();
      if (uses && kFolders.contains(word)) {
        EXPECT_TRUE(may_include(folder, word)) << folder << "/CMakeLists.txt uses " << word;
      }
      if (word == "USES") uses = true;
      if (word == "LINK" || word == "SOURCES" || last) uses = false;
    }
  }
}

/// Comparisons with a task's name.
std::vector<std::string> task_comparisons(const std::string& content) {
  static const std::regex pattern(R"re([!=]= ?"(classify|detect)")re");
  return {std::sregex_token_iterator(content.begin(), content.end(), pattern), std::sregex_token_iterator()};
}

// What a task is stands in its row and its functions (core/task_list.h), so that another one is found everywhere.
TEST(Layers, NothingComparesTheNamesOfTasks) {
  for (const fs::path& file : sources()) {
    for (const std::string& found : task_comparisons(read_file(file))) ADD_FAILURE() << file << ": " << found;
  }
  EXPECT_EQ(task_comparisons("if (task == \"detect\" || task !=\"classify\") x = \"detect\";").size(), 2u);
}

/// Lines of a header that say Tensor without whose, but for comments.
std::vector<std::string> bare_tensors(const std::string& content) {
  static const std::regex bare(R"re((^|[^:\w])Tensor\b)re"), comment(R"re(//.*)re");
  std::vector<std::string> found;
  std::istringstream lines(content);
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_search(std::regex_replace(line, comment, ""), bare)) found.push_back(line);
  }
  return found;
}

// Files that are compiled as one share the names of their unnamed namespace. After `using torch::Tensor` in one of them
// a header of that folder would mean LibTorch's Tensor in that compilation, and quench's in others.
TEST(Layers, HeadersSayWhoseTensorWhereSourcesUseLibTorchs) {
  Names folders;
  for (const fs::path& file : sources()) {
    const std::string content = read_file(file);
    const bool uses =
        content.find("using torch::Tensor") != content.npos || content.find("using at::Tensor") != content.npos;
    if (uses) folders.insert(folder_of(file));
  }
  EXPECT_TRUE(folders.contains("train"));
  for (const fs::path& file : sources()) {
    if (file.extension() != ".h" || !folders.contains(folder_of(file))) continue;
    for (const std::string& line : bare_tensors(read_file(file))) ADD_FAILURE() << file << ": " << line;
  }
  EXPECT_EQ(bare_tensors("  std::map<int, Tensor> a;\nTensor b;\n").size(), 2u);
  EXPECT_EQ(bare_tensors("torch::Tensor a;  // Tensor\nclass TensorList;\nquench::Tensor b;\n").size(), 0u);
}

TEST(Layers, FilesAreNotTooLong) {
  std::vector<fs::path> files = sources();
  std::ranges::copy(files_under(fs::path(QUENCH_SOURCE_DIR) / "tests"), std::back_inserter(files));
  for (const fs::path& file : files) {
    const std::string content = read_file(file);
    EXPECT_LE(std::ranges::count(content, '\n'), kLongestFile) << file << ": split it by idea";
  }
}

/// The library's own parser takes nesting without end, which then ends the program.
TEST(Layers, JsonIsReadWithALimit) {
  for (const fs::path& file : sources()) {
    if (file.filename() == "json.cpp" && file.parent_path().filename() == "core") continue;
    const std::string content = read_file(file);
    for (const char* call : {"Json::parse(", "json::parse(", "Json::accept(", "json::accept("}) {
      EXPECT_EQ(content.find(call), std::string::npos) << file << ": " << call << ", expected core/json.h's parse_json";
    }
  }
}

TEST(Layers, HeadersAreIncludedOnceByPragma) {
  for (const fs::path& file : sources()) {
    if (file.extension() == ".h") {
      EXPECT_NE(read_file(file).find("#pragma once"), std::string::npos) << file;
    }
  }
}

}  // namespace
}  // namespace quench
