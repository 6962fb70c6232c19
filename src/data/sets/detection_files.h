#pragma once

#include <memory>

#include "data/index/set_memory.h"
#include "data/sets/dataset.h"
#include "data/sets/image_cache.h"

namespace quench::data {

/// Split number `split` of the index as a Dataset. Images decode in at(), through `cache`. digest(): sha256 of class
/// names and their ids, and of each image's name, objects and file content, at the first call; `memory` remembers the
/// files. key: what the set is called there. Throws Error{data} where there is no image.
std::shared_ptr<const Dataset> detection_set(std::shared_ptr<const SetIndex> index, size_t split,
                                             std::shared_ptr<ImageCache> cache, std::shared_ptr<SetMemory> memory,
                                             const std::string& key);

/// Adds issues to an index, in order of file and line.
void add_sorted(std::vector<LabelIssue> issues, IndexBuilder& to);

/// "class_0", "class_1", ...: for labels without names.
std::vector<std::string> numbered_classes(int64_t count);

}  // namespace quench::data
