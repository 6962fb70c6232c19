#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "record/record.h"
#include "report/compare.h"

namespace quench::report {

/// The rows of one method on one model, runtime and device: one a seed. What accuracy does not depend on (threads, when
/// it was timed) does not part rows, and a forecast has the accuracy of the row it is of.
struct MethodGroup {
  std::string label;         ///< "yolov5n-cls / ptq mse / native"
  std::vector<size_t> rows;  ///< indices into the records, by seed
};

/// Groups of the records that are ok and have an accuracy, in order of first appearance.
std::vector<MethodGroup> method_groups(const std::vector<record::Record>& rows, Metric metric);

/// What was done to a model, as far as methods of one kind compare with each other.
struct MethodKind {
  bool pruned = false, sparse = false, quantized = false;
  bool fine_tuned = false;  ///< trained further after it was quantized: QAT
  bool operator==(const MethodKind&) const = default;
};
/// By the steps in the record's configuration; of a record without them by its method's name.
MethodKind kind_of(const record::Record& record);

/// The family of methods that a record's is of, for people: "float32", "trained further", "pruned", "PTQ", "QAT",
/// "pruned + PTQ", "sparse + QAT", "PTQ below 8 bits", ... Charts have a colour for each.
std::string family_of(const record::Record& record);

/// By which criterion a record's model was pruned, and what was done to it otherwise.
struct Pruning {
  std::string criterion;  ///< empty: it was not pruned, by two criteria, or the record does not say
  std::string all_else;   ///< its steps without what belongs to criteria, as a text that compares
};
Pruning pruning_of(const record::Record& record);

}  // namespace quench::report
