#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "record/record.h"
#include "report/compare.h"
#include "report/kept.h"
#include "report/method_groups.h"
#include "stats/replicates.h"
#include "stats/share_draws.h"

namespace quench::report {

/// What is known of the images of one group of rows.
struct Sampled {
  std::vector<stats::Replicates> seeds;  ///< as MethodGroup::rows
  std::string truth;                     ///< which images they are
};

/// Which test images (stats/split.h).
enum class Images { all, choosing, comparing };

/// Resampled test sets of records, each file of outcomes read once for all images and once for their parts.
class Sampler {
 public:
  Sampler(const std::vector<record::Record>& rows, Metric metric, const OutcomesOf& outcomes);

  /// Nothing where a row's outcomes are missing, the seeds' images differ, or these images have no figure.
  std::optional<Sampled> of(const MethodGroup& group, Images images = Images::all);

 private:
  using Figure = std::optional<std::pair<stats::Replicates, std::string>>;

  Figure figure_of(const metrics::Outcomes& outcomes, Images images);
  const Figure& of_row(const record::Record& row, Images images);

  const std::vector<record::Record>& rows_;
  std::string field_;
  const OutcomesOf& outcomes_;
  std::map<Images, stats::ShareDraws> draws_;               // of as many images each
  std::map<std::pair<std::string, Images>, Figure> known_;  // by the file of outcomes
};

}  // namespace quench::report
