#pragma once

#include "cli_testing.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"

namespace quench {

inline std::string nested(size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

/// Whether a terminal would do with a text something else than show it: control characters but for line breaks and
/// tabs, or bytes that are no UTF-8.
inline bool acts_on_terminals(const std::string& text) {
  const Json as_json = text;
  try {
    as_json.dump();
  } catch (const Json::type_error&) {
    return true;
  }
  return std::any_of(text.begin(), text.end(),
                     [](unsigned char c) { return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f; });
}

/// Runs `quench` on what was made to harm it.
class Hostile : public Cli {
 protected:
  /// A file of a model that was never trained.
  void make_model(const std::string& file, const std::string& model = "yolov5n-cls", int classes = 10) const {
    const Outcome made = quench(fmt::format("export {} --classes {} --imgsz 32 -o {}", model, classes, file));
    ASSERT_EQ(made.code, 0) << made.err;
  }
  template <typename Change>
  void change_model(const std::string& file, const std::string& changed, const Change& change) const {
    graph::Graph graph = graph::read_model(folder_ / file).graph;
    change(graph);
    graph::save_onnx(graph, folder_ / changed);
  }
  /// One line on stderr that does nothing to a terminal, with all of `parts`; the exit code.
  void expect_harmless_error(const std::string& arguments, int code, const std::vector<std::string>& parts) const {
    const Outcome outcome = quench(arguments);
    expect_error_line(outcome, "quench", arguments, code, parts);
    EXPECT_FALSE(acts_on_terminals(outcome.err)) << arguments;
    EXPECT_EQ(outcome.err.find("internal error"), std::string::npos) << outcome.err.substr(0, 300);
  }
  /// The same, where messages come before.
  void expect_last_line(const std::string& arguments, int code, const std::vector<std::string>& parts) const {
    Outcome outcome = quench(arguments);
    EXPECT_FALSE(acts_on_terminals(outcome.err)) << arguments;
    const size_t end = outcome.err.find_last_not_of('\n');
    outcome.err.erase(0, end == std::string::npos ? 0 : outcome.err.rfind('\n', end) + 1);
    expect_error_line(outcome, "quench", arguments, code, parts);
  }
};

}  // namespace quench
