#include "study/pretrained_check.h"

#include <set>

#include "core/error.h"
#include "core/without_place.h"
#include "data/sets/find.h"
#include "models/spec.h"
#include "sources/sources.h"
#include "steps/start_weights.h"

namespace quench::study {

void check_pretrained(const StudyFile& study, const std::vector<Cell>& cells, const Records& known, ModelGraphs& graphs,
                      const std::filesystem::path& data_root) {
  const std::filesystem::path root = data::root_of(study.data, data_root);
  std::set<std::string> checked;  // labels of models
  for (const Cell& cell : cells) {
    if (const auto found = known.find(cell.id); found != known.end() && found->second.status == "ok") continue;
    const Json& model = cell.model.model;
    if (!model["pretrained"].is_string() || !checked.insert(cell.model.label).second) continue;
    const std::string name = model["pretrained"];
    const std::filesystem::path file = data::find_file(name, root);
    const std::string where = study.name + ".models, " + cell.model.label + ": pretrained";
    if (!std::filesystem::exists(file)) {
      fail(ErrorKind::config, "{}: there is no file {} (looked for here and below {}){}", where, name, root.string(),
           sources::how_to_get(name, root));
    }
    try {
      const graph::Graph given = steps::read_start(file, model["model"], model["imgsz"], {});
      if (!graphs.classes().empty()) steps::start_from(given, graphs.of(cell.model), file);
    } catch (const Error& error) {
      fail(error.kind(), "{}: {}", where, without_place(error.what()));
    }
  }
}

}  // namespace quench::study
