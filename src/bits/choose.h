#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace quench::bits {

/// One way to hold a layer.
struct Width {
  int bits = 0;     ///< of its weights; 0: float
  double cost = 0;  ///< what it costs then, in whatever unit
  double harm = 0;  ///< what it does to the model, not below 0
};

/// A layer and the ways there are.
struct LayerWidths {
  std::string layer;
  std::vector<Width> widths;  ///< one at least
};

/// A way for each layer.
struct Assignment {
  std::vector<size_t> chosen;  ///< of each layer: index into its widths
  double cost = 0, harm = 0;   ///< sums over layers
  bool operator==(const Assignment&) const = default;
};

/// The least and the largest cost that an assignment can have.
double least_cost(const std::vector<LayerWidths>& layers);
double largest_cost(const std::vector<LayerWidths>& layers);

/// The assignment of least summed harm whose summed cost is at most `budget`: an integer program with a 0/1 variable
/// for each way,
///
///   min sum_lc harm_lc x_lc   with  sum_c x_lc = 1 for each layer,  sum_lc cost_lc x_lc <= budget
///
/// (HAWQ-v3, Yao et al. 2021, section 3.4), solved exactly by COIN-OR CBC. Throws Error{config} for a budget below
/// least_cost (which it says), Error{internal} where the solver gives up.
Assignment least_harm(const std::vector<LayerWidths>& layers, double budget);

/// The assignments of least harm at `points` budgets from the least cost (above 0) to the largest, each the same factor
/// above the one before, without those that are no better than a cheaper one.
std::vector<Assignment> pareto(const std::vector<LayerWidths>& layers, int points);

}  // namespace quench::bits
