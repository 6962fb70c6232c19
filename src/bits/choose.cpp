#include "bits/choose.h"

#include <coin/Cbc_C_Interface.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "core/error.h"

namespace quench::bits {
namespace {

constexpr double kScale = 1e4;       ///< of sums in the solver, whose tolerances are absolute
constexpr double kTolerance = 1e-9;  ///< of a cost against its budget, as a share

Assignment sums_of(const std::vector<LayerWidths>& layers, std::vector<size_t> chosen) {
  Assignment out{std::move(chosen), 0, 0};
  for (size_t i = 0; i < layers.size(); ++i) {
    const Width& width = layers[i].widths.at(out.chosen[i]);
    out.cost += width.cost;
    out.harm += width.harm;
  }
  return out;
}

template <typename Get, typename Better>
double sum_of(const std::vector<LayerWidths>& layers, Get get, Better better) {
  double sum = 0;
  for (const LayerWidths& layer : layers) {
    sum += get(*std::ranges::max_element(layer.widths,
                                         [&](const Width& a, const Width& b) { return better(get(b), get(a)); }));
  }
  return sum;
}

double cost_of(const Width& width) { return width.cost; }
double harm_of(const Width& width) { return width.harm; }

/// The columns of the program: a variable for each way of each layer, in order.
struct Program {
  std::vector<CoinBigIndex> starts{0};
  std::vector<int> rows;
  std::vector<double> values, harms;

  Program(const std::vector<LayerWidths>& layers, double cost_unit, double harm_unit) {
    const int budget_row = static_cast<int>(layers.size());
    for (size_t i = 0; i < layers.size(); ++i) {
      for (const Width& width : layers[i].widths) {
        rows.insert(rows.end(), {static_cast<int>(i), budget_row});
        values.insert(values.end(), {1.0, width.cost / cost_unit});
        harms.push_back(width.harm / harm_unit);
        starts.push_back(static_cast<CoinBigIndex>(rows.size()));
      }
    }
  }
  int columns() const { return static_cast<int>(harms.size()); }
};

}  // namespace

double least_cost(const std::vector<LayerWidths>& layers) { return sum_of(layers, cost_of, std::less<double>()); }
double largest_cost(const std::vector<LayerWidths>& layers) { return sum_of(layers, cost_of, std::greater<double>()); }

Assignment least_harm(const std::vector<LayerWidths>& layers, double budget) {
  const double least = least_cost(layers);
  if (least > budget * (1 + kTolerance)) {
    fail(ErrorKind::config, "[bits.choose] no assignment costs {:.6g} or less: the least is {:.6g}", budget, least);
  }
  const double cost_unit = std::max(budget, 1e-300) / kScale;
  const double harm_unit = std::max(sum_of(layers, harm_of, std::greater<double>()), 1e-300) / kScale;
  const Program program(layers, cost_unit, harm_unit);
  const auto rows = layers.size() + 1;
  std::vector<double> low(rows, 1.0), high(rows, 1.0);
  low.back() = -std::numeric_limits<double>::max();
  high.back() = kScale * (1 + kTolerance);
  const std::vector<double> zeros(program.harms.size(), 0.0), ones(program.harms.size(), 1.0);

  const std::unique_ptr<Cbc_Model, void (*)(Cbc_Model*)> model(Cbc_newModel(), Cbc_deleteModel);
  Cbc_setParameter(model.get(), "logLevel", "0");
  Cbc_loadProblem(model.get(), program.columns(), static_cast<int>(rows), program.starts.data(), program.rows.data(),
                  program.values.data(), zeros.data(), ones.data(), program.harms.data(), low.data(), high.data());
  for (int column = 0; column < program.columns(); ++column) Cbc_setInteger(model.get(), column);
  Cbc_solve(model.get());
  if (!Cbc_isProvenOptimal(model.get())) {
    fail(ErrorKind::internal, "[bits.choose] CBC found no proven optimum (status {})", Cbc_status(model.get()));
  }
  const double* solution = Cbc_getColSolution(model.get());
  std::vector<size_t> chosen;
  for (const LayerWidths& layer : layers) {
    const double* end = solution + layer.widths.size();
    chosen.push_back(static_cast<size_t>(std::max_element(solution, end) - solution));
    solution = end;
  }
  return sums_of(layers, std::move(chosen));
}

std::vector<Assignment> pareto(const std::vector<LayerWidths>& layers, int points) {
  const double least = least_cost(layers), largest = largest_cost(layers);
  std::vector<Assignment> out;
  for (int i = 0; i < points; ++i) {
    const double share = points > 1 ? static_cast<double>(i) / (points - 1) : 1;
    Assignment next = least_harm(layers, largest * std::pow(least / largest, 1 - share));
    if (out.empty() || next.harm < out.back().harm) out.push_back(std::move(next));
  }
  return out;
}

}  // namespace quench::bits
