#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "report/differences.h"
#include "report/sampler.h"

namespace quench::report {

/// Groups of two kinds, of which the best are compared.
struct Contest {
  std::vector<size_t> challengers, champions;  ///< indices into the groups
};

/// The accuracy of one group less that of another on these images, seeds paired where both have the same ones. Nothing
/// where outcomes are missing, or the images differ.
std::optional<Difference> difference_of(size_t group, size_t against, const std::vector<MethodGroup>& groups,
                                        const std::vector<record::Record>& rows, Sampler& sampler, Images images);

/// The best challenger less the best champion. Where there is more than one of a kind, the best of each is chosen on a
/// part of the test images and compared on the others (stats/split.h): the luck that makes a choice on images is not in
/// the difference on others. Comparing both ways round and averaging would use all images, and its interval would be
/// too short: the two gaps rise and fall together where several are about as good. Nothing where outcomes are missing.
std::optional<Difference> best_of_kind(const Contest& contest, const std::vector<MethodGroup>& groups,
                                       const std::vector<record::Record>& rows, Sampler& sampler);

}  // namespace quench::report
