#include <filesystem>

#include "cli/lab_commands.h"
#include "cli/model_argument.h"
#include "cli/print.h"
#include "core/text.h"
#include "data/sets/find.h"
#include "data/sets/open.h"
#include "data/sets/sample_pack.h"
#include "graph/image_side.h"
#include "models/preparation.h"

namespace quench::cli {

int run_data_pack(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = lab_settings(invocation);
  const std::filesystem::path output = require_output(options, invocation);
  const std::filesystem::path root = data::root_of(options, environment.data_root);
  const data::Splits splits = data::open(data::find_file(options["data"].get<std::string>(), root).string(), root,
                                         data::Opening{.log = environment.log, .cancel = environment.cancel});
  const std::string split = options["split"];
  const auto images = data::first_images(split == "train" ? splits.train : splits.test, options["limit"]);
  data::PackOptions pack{.data = splits.name, .split = split, .imgsz = options["imgsz"].get<int>()};
  if (options["model"].is_string()) {
    const graph::Graph model = open_file(options["model"].get<std::string>(), environment).graph;
    pack.preparation = models::preparation_of(model);
    if (pack.imgsz == 0) pack.imgsz = graph::image_side(model);
  }
  const std::string sha256 = data::write_pack(images, pack, output, environment.log, *environment.cancel);
  environment.log.info(fmt::format("wrote {}: {}, {} (sha256 {})", output.string(), counted(images->size(), "image"),
                                   bytes_text(static_cast<int64_t>(std::filesystem::file_size(output))), sha256));
  return program::kOk;
}

}  // namespace quench::cli
