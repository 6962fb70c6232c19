#pragma once

#include <cstdint>
#include <span>

namespace quench::prune {

/// Mutual information of a number and a class, in nats, estimated from pairs (x[i], labels[i]): x in bins of equally
/// many values (equal values in one bin), H(bin) + H(class) - H(bin, class), each entropy with Miller's correction of
/// its bias, (cells that occur - 1) / (2 n) (Miller 1955; Paninski 2003). Bins: as many as leave 5 pairs to each cell
/// of bins x classes, 2 at least and 16 at most. Of what the correction leaves about 6 % is left at independence (5
/// pairs a cell), and it may fall below 0; it does not see what varies within a bin. 0 for constant x or a single
/// class. Throws Error{data} where x is not finite.
double mutual_information(std::span<const double> x, std::span<const int32_t> labels);

/// Pairs that leave 5 to each cell with the fewest bins: below it most cells are empty.
int64_t fewest_pairs(int64_t classes);

}  // namespace quench::prune
