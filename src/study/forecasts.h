#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "devices/catalog.h"
#include "graph/onnx_read.h"
#include "record/record.h"
#include "study/plan.h"

namespace quench::study {

/// Throws Error{config} for a device, power mode or runtime that the catalog does not have, and for more threads than a
/// device's cores: before anything is trained.
void require_devices(const StudyFile& study, const devices::Catalog& catalog);

/// What a study's `forecast` is computed from: the device files of the folders, checked with require_devices(). Empty
/// where the study forecasts nothing. Throws Error{config}, Error{io}.
devices::Catalog catalog_of(const StudyFile& study, const std::vector<std::filesystem::path>& device_folders);

/// A record for each artifact of the cells (model, seed, method) and each entry of `forecast` whose precision is the
/// artifact's: fp32 and fp16 for fp32, int8 for compressed ones. Accuracies are those that a cell of the artifact
/// measured here, by the entry's runtime where one did (`config.accuracy_from`). Where none has a result the record is
/// `skipped` and says why; `unsupported`, without accuracies, where the device cannot run it or the artifact is not
/// what its runtime takes. An entry without a power mode has no record for an artifact that one of the study's devices,
/// of the entry's name, ran by its runtime. `open` reads a cell's artifact.
std::vector<record::Record> forecast_records(const StudyFile& study, const std::vector<Cell>& cells,
                                             const std::map<std::string, record::Record>& known,
                                             const devices::Catalog& catalog,
                                             const std::function<graph::ModelFile(const Cell&)>& open);

/// True where two records say the same, whatever the time and the program's version.
bool same_finding(const record::Record& a, const record::Record& b);

}  // namespace quench::study
