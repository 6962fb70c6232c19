#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/sets/dataset.h"

namespace quench::data {

/// What a person says of classes: the name in the data (or its number there) and the name in the model; none: objects
/// or images of the class are left out.
using ClassMap = std::map<std::string, std::optional<std::string>>;

/// Reads a class map: YAML with a line `name in the data: name in the model` a class, `~` for one that is left out.
/// Throws Error{io}, Error{config} naming the file.
ClassMap read_class_map(const std::filesystem::path& file);

/// Which class of a model each class of the data is.
struct ClassMatch {
  static constexpr int32_t kNone = -1;     ///< the model has none of that name
  static constexpr int32_t kLeftOut = -2;  ///< as the class map says
  std::vector<int32_t> to_model;           ///< by class of the data
  std::vector<std::string> ways;           ///< how those were found whose names differ: "'Person' is 'person'"
  bool by_number = false;                  ///< one of the two has numbers for names: the places count
};

/// Matches by name: what `given` says, else the same name, else the one that is the same but for case, blanks,
/// underscores and hyphens, or is another name of the same thing (COCO's of 2014 and VOC's: sofa and couch, aeroplane
/// and airplane, ...), where that is one. Where the model's names or the data's are numbers only, the places count.
/// Throws Error{config} where `given` names what is none; Error{data} where two classes of the data are one of the
/// model's.
ClassMatch match_classes(const std::vector<std::string>& model, const std::vector<std::string>& data,
                         const ClassMap& given = {});

/// The splits with the model's classes: labels and objects have its numbers. Classes of the data that the model lacks
/// are left out where nothing is annotated with them. As they are where the names are equal, or the model has none.
/// notes of the result say what was matched and what was left out. digest() covers it. Throws Error{data} naming the
/// first class that is annotated and that the model lacks.
Splits with_classes(Splits splits, const std::vector<std::string>& model, const ClassMap& given = {});

}  // namespace quench::data
