#include "study/pretrained_check.h"

#include "core/error.h"
#include "data/sets/find.h"
#include "sources/sources.h"

namespace quench::study {

void check_pretrained(const StudyFile& study, const std::vector<Cell>& cells, const Records& known,
                      const std::filesystem::path& data_root) {
  const std::filesystem::path root = data::root_of(study.data, data_root);
  for (const Cell& cell : cells) {
    if (const auto found = known.find(cell.id); found != known.end() && found->second.status == "ok") continue;
    const Json& name = cell.model.model["pretrained"];
    if (!name.is_string() || std::filesystem::exists(data::find_file(name.get<std::string>(), root))) continue;
    fail(ErrorKind::config, "{}.models, {}: pretrained: there is no file {} (looked for here and below {}){}",
         study.name, cell.model.label, name.get<std::string>(), root.string(),
         sources::how_to_get(name.get<std::string>(), root));
  }
}

}  // namespace quench::study
