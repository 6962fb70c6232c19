#include "agent/commands.h"

#include "config/tables.h"
#include "core/error.h"

namespace quench::agent {
namespace {

using config::Option;
using config::OptionSet;
using T = config::OptionType;

OptionSet progress() {
  return OptionSet(
      {Option{"progress", T::text, "text", "form of what stands on standard error", {"text", "json", "none"}}});
}

OptionSet common() {
  return OptionSet({Option{"out", T::text, nullptr, "file that records are appended to, too"},
                    Option{"device", T::text, "host", "what the records' `device` says"}}) +
         progress();
}

OptionSet runtime_setting() { return OptionSet({Option{"runtime", T::text, "native", "runtime"}}); }

OptionSet bench_settings() {
  return runtime_setting() + config::bench_options().without({"runtime"}) +
         OptionSet({Option{"max_warm_up_seconds", T::number, 10.0, "seconds of warm-up at most", {}, 0, 86400}});
}

OptionSet eval_settings() {
  return OptionSet({
             Option{"pack", T::text, nullptr, "sample pack (required)"},
             Option{"limit", T::integer, 0, "the first N images of the pack; 0: all", {}, 0, 1e9},
             Option{"batch", T::integer, 1, "images a run of the evaluation", {}, 1, 65536},
             Option{"digest", T::boolean, false, "SHA-256 of all raw outputs (`outputs_sha256` in `config`)"},
             Option{"predictions", T::text, nullptr,
                    "file for what the model says of each image: its class, or its boxes with a score of 0.25 or more"},
             Option{"state", T::text, nullptr, "file of progress; the same command goes on from it"},
             Option{"state_seconds", T::number, 5.0, "seconds between its saves", {}, 0, 86400},
             Option{"cell", T::text, nullptr, "what the record's `cell` says (default: the model's path)"},
         }) +
         config::detect_options().without({"rect"});
}

OptionSet eval_alone() {
  return runtime_setting() +
         OptionSet({Option{"threads", T::integer, 0, "threads of the runtime; 0: all processors", {}, 0, 1024},
                    *config::bench_options().find("isa")});
}

OptionSet predict_settings() {
  return runtime_setting() +
         OptionSet({Option{"threads", T::integer, 0, "threads of the runtime; 0: all processors", {}, 0, 1024},
                    *config::bench_options().find("isa"),
                    Option{"source", T::text_list, Json::array(),
                           "pictures (JPEG, PNG, PPM), folders, lists of pictures (.txt), tar archives; or a camera "
                           "(/dev/video0, or its number) (required)"},
                    Option{"draw", T::text, nullptr, "folder for the pictures with what was found drawn on them"},
                    Option{"camera_size", T::text, "640x480", "width and height that a camera is asked for"},
                    Option{"exact", T::boolean, false, "boxes and scores with all digits"},
                    Option{"format",
                           T::text,
                           "jsonl",
                           "form of the answer: a JSON line a picture with a summary at the end, or a line of values "
                           "between tabs for each object",
                           {"jsonl", "tab"}}}) +
         config::predict_options().without({"source", "save"});
}

program::Inputs inputs(const char* name, const char* help) { return {name, help}; }
program::Inputs none() { return {}; }
program::Inputs model(const char* name = "MODEL") { return {name, "ONNX file of quench"}; }

std::vector<program::Command> make_commands() {
  return {
      {"info", "This machine, the agent's version and its runtimes, as JSON", none(), 0, 0, {}, run_info},
      {"check", "Read sample packs from end to end", inputs("FILE...", "sample packs"), 1, -1, progress(), run_check},
      {"bench", "Latency of models at batch 1, measured in turn", model("MODEL..."), 1, -1,
       bench_settings() +
           OptionSet({Option{"pack", T::text, nullptr, "sample pack, whose first image is timed instead of noise"}}) +
           common(),
       run_bench},
      {"layers", "Times of single layers, for latency tables",
       inputs("FILE", "JSON list of layers and widths, as quench writes it"), 1, 1,
       runtime_setting() + OptionSet({Option{"threads", T::integer, 1, "threads of the runtime", {}, 1, 1024}}) +
           common(),
       run_layers},
      {"predict", "What a model sees in pictures or a camera, as JSON lines and drawn, and how long each part takes",
       model(), 1, 1, predict_settings() + progress(), run_predict},
      {"eval", "Accuracy of a model over a sample pack", model(), 1, 1, eval_alone() + eval_settings() + common(),
       run_eval},
      {"run", "Accuracy and latency of a model, in one record", model(), 1, 1,
       bench_settings() + eval_settings() + common(), run_eval},
  };
}

}  // namespace

const std::vector<program::Command>& commands() {
  static const std::vector<program::Command> table = make_commands();
  return table;
}

runtime::SessionOptions session_options(const Json& options) {
  runtime::SessionOptions out;
  out.threads = options["threads"];
  if (options["isa"] != "auto") out.isa = options["isa"];
  return out;
}

Json settings_of(const program::Invocation& invocation) {
  for (const program::Command& entry : commands()) {
    if (entry.name == invocation.command) {
      return entry.options.checked(invocation.flags, "quench-agent " + invocation.command);
    }
  }
  fail(ErrorKind::internal, "[agent] no command '{}'", invocation.command);
}

}  // namespace quench::agent
