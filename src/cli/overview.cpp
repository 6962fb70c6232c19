#include "cli/overview.h"

#include <fmt/format.h>

#include <array>

namespace quench::cli {
namespace {

struct Row {
  const char* commands;
  const char* purpose;
};
struct Group {
  const char* title;
  std::array<Row, 4> rows;  ///< as far as there are any
};

constexpr std::array<Group, 6> kGroups{{
    {"Models and data",
     {{{"fetch, import, info, export", "released weights; what a model is made of; ONNX for other tools"},
       {"data list, data fetch, data check, data show, data pack, data index, data shard, data verify, data speed",
        "data sets: get, look at, test images for a device, large sets"}}}},
    {"Train", {{{"train, finetune", "a classifier or a detector, from the beginning or further"}}}},
    {"Compress",
     {{{"quantize, adaround, correct_bias, equalize, split_channels", "to integers, by PTQ or QAT"},
       {"assign_bits, sensitivity, calibrate", "which bits, which layers, which pictures"},
       {"prune, sparsify", "fewer channels, or zeros among the weights"}}}},
    {"Measure",
     {{{"eval, predict", "accuracy, and what a model sees"},
       {"bench, runtimes, why", "latency, what runs models here, and where time and error come from"}}}},
    {"Devices",
     {{{"devices list, devices show, devices forecast, devices plan, devices fit",
        "boards, and latency where there is none"}}}},
    {"Studies",
     {{{"study init, study plan, study run, study status",
        "all of it from one file: write it, see what it does, do it"},
       {"study work, study collect, study cancel", "the same on several machines (docs/cluster.md)"},
       {"study reference, study archive, study verify, report", "every key; results for others; tables and charts"}}}},
}};

}  // namespace

std::string overview() {
  std::string text = "quench: train YOLO, quantize it, run the real integers, compare.\n";
  for (const Group& group : kGroups) {
    text += fmt::format("\n{}\n", group.title);
    for (const Row& row : group.rows) {
      if (row.commands) text += fmt::format("  {}\n      {}\n", row.commands, row.purpose);
    }
  }
  return text +
         "\nTo begin\n"
         "  quench study init --data shapes -o first.yaml    a study of a small classifier, that needs no data\n"
         "  quench study run first.yaml                      trains, compresses, measures; a page at the end\n"
         "\n`quench COMMAND --help` has a command's settings, `quench --help` a line for each command.\n";
}

}  // namespace quench::cli
