#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace quench {

/// What a data set says of an image.
enum class Labels {
  image_class,  ///< its class
  objects,      ///< what it holds: boxes with classes
};

/// What models are for: one row for each of task_list.h.
struct Task {
  std::string name;                     ///< "classify": in metadata of models, in data sets, sample packs and records
  Labels labels = Labels::image_class;  ///< what it is learned from and scored by
  std::vector<std::string> figures;     ///< fields of a record that tell how good a model is; the first ranks
  int64_t classes = 0;                  ///< of released models: the number where nothing names them
};

/// All, the default first.
const std::vector<Task>& tasks();
/// Of that name; null where there is none.
const Task* find_task(std::string_view name);
/// Throws Error{data} naming `where` and the tasks that there are.
const Task& require_task(std::string_view name, std::string_view where);
/// Of a task by name. Throws Error{data} where there is none.
Labels labels_of(std::string_view task);
/// The name of what models and data sets are for where they do not say.
const std::string& default_task();

}  // namespace quench
