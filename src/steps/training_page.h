#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "report/figure_page.h"
#include "train/loop/results_csv.h"

namespace quench::steps {

/// The curves of a training: loss and its parts, scores, learning rate, over epochs; a table of the epochs. verdict:
/// what is said of it (train/loop/verdict.h), or "".
report::FigurePage training_page(const std::string& title, const std::vector<train::EpochRow>& rows,
                                 const std::string& verdict);

/// training.html and an SVG of each drawing, into the folder where results.csv is. Throws Error{io}.
void write_training_page(const std::filesystem::path& folder, const report::FigurePage& page);

}  // namespace quench::steps
