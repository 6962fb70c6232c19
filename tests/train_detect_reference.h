#pragma once

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <optional>
#include <tuple>
#include <vector>

#include "core/box.h"
#include "models/detect_head.h"
#include "train/losses/detect_loss.h"
#include "train/matching/target.h"

/// Detection losses as plain loops over doubles, written from their definitions, to hold train/'s against.
namespace quench::train::reference {

inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// -t log s(x) - (1 - t) log(1 - s(x))
inline double cross_entropy(double x, double t) {
  return std::max(x, 0.0) - x * t + std::log1p(std::exp(-std::abs(x)));
}

struct Ciou {
  double value, alpha;
};
/// Zheng et al. 2020, equations 8 to 11. alpha: given where it is held constant.
inline Ciou ciou(const Box& a, const Box& b, std::optional<double> alpha = {}) {
  const double tiny = 1e-7, shared = intersection(a, b);
  const double overlap = shared / (a.width() * a.height() + b.width() * b.height() - shared + tiny);
  const double cw = std::max(a.x2, b.x2) - std::min(a.x1, b.x1), ch = std::max(a.y2, b.y2) - std::min(a.y1, b.y1);
  const double dx = (a.x1 + a.x2 - b.x1 - b.x2) / 2, dy = (a.y1 + a.y2 - b.y1 - b.y2) / 2;
  const double turn = std::atan(b.width() / (b.height() + tiny)) - std::atan(a.width() / (a.height() + tiny));
  const double v = 4 / (std::numbers::pi * std::numbers::pi) * turn * turn;
  const double weight = alpha.value_or(v / (1 - overlap + v + tiny));
  return {overlap - (dx * dx + dy * dy) / (cw * cw + ch * ch + tiny) - weight * v, weight};
}

/// What a loss holds constant in its backward pass: written at the first call, used in the same order later.
class Constants {
 public:
  double keep(double value) {
    if (!replay_) values_.push_back(value);
    return replay_ ? values_.at(next_++) : value;
  }
  std::optional<double> next() { return replay_ ? std::optional<double>(values_.at(next_++)) : std::nullopt; }
  void put(double value) {
    if (!replay_) values_.push_back(value);
  }
  void replay() {
    replay_ = true;
    next_ = 0;
  }

 private:
  std::vector<double> values_;
  size_t next_ = 0;
  bool replay_ = false;
};

/// CIoU of a predicted box with alpha held constant.
inline double held_ciou(const Box& predicted, const Box& wanted, Constants& constants) {
  const Ciou result = ciou(predicted, wanted, constants.next());
  constants.put(result.alpha);
  return result.value;
}

struct Parts {
  double box = 0, obj = 0, cls = 0, dfl = 0;
  double total(int64_t images) const { return (box + obj + cls + dfl) * static_cast<double>(images); }
};

/// Cells of a level of YOLOv5 that predict a target: (shift, anchor, target, row, column), shift in the order in which
/// the original writes them. Looks at every cell.
using Match = std::tuple<int, size_t, size_t, int64_t, int64_t>;
inline std::vector<Match> matches(const std::vector<Target>& targets, const std::vector<std::array<double, 2>>& anchors,
                                  int64_t stride, int64_t height, int64_t width) {
  std::vector<Match> found;
  const auto fraction = [](float v) { return v - std::floor(v); };
  for (size_t t = 0; t < targets.size(); ++t) {
    const float fw = static_cast<float>(width), fh = static_cast<float>(height);
    const float x = targets[t].cx * fw, y = targets[t].cy * fh;
    const auto column = static_cast<int64_t>(std::floor(x)), row = static_cast<int64_t>(std::floor(y));
    const int64_t own_column = std::clamp<int64_t>(column, 0, width - 1),
                  own_row = std::clamp<int64_t>(row, 0, height - 1);
    for (size_t a = 0; a < anchors.size(); ++a) {
      const double w = targets[t].width * fw * stride, h = targets[t].height * fh * stride;
      if (std::max({w / anchors[a][0], anchors[a][0] / w, h / anchors[a][1], anchors[a][1] / h}) >= 4) continue;
      for (int64_t r = 0; r < height; ++r) {
        for (int64_t c = 0; c < width; ++c) {
          if (c == own_column && r == own_row) found.emplace_back(0, a, t, r, c);
          if (r == own_row && c == column - 1 && x > 1 && fraction(x) < 0.5f) found.emplace_back(1, a, t, r, c);
          if (c == own_column && r == row - 1 && y > 1 && fraction(y) < 0.5f) found.emplace_back(2, a, t, r, c);
          if (r == own_row && c == static_cast<int64_t>(std::floor(x + 0.5f)) && fw - x > 1 && fraction(fw - x) < 0.5f)
            found.emplace_back(3, a, t, r, c);
          if (c == own_column && r == static_cast<int64_t>(std::floor(y + 0.5f)) && fh - y > 1 &&
              fraction(fh - y) < 0.5f)
            found.emplace_back(4, a, t, r, c);
        }
      }
    }
  }
  std::ranges::sort(found);
  return found;
}

/// outputs: float64, contiguous, on the CPU.
inline Parts yolov5(const models::DetectHead& head, const LossGains& gains, const std::vector<torch::Tensor>& outputs,
                    const std::vector<Target>& targets, Constants& constants) {
  const double balance[] = {4.0, 1.0, 0.4};
  Parts parts;
  for (size_t level = 0; level < outputs.size(); ++level) {
    const auto out = outputs[level].accessor<double, 4>();
    const int64_t n = out.size(0), h = out.size(2), w = out.size(3), classes = head.class_count(), k = 5 + classes;
    const auto& anchors = head.anchors[level];
    const auto count = static_cast<int64_t>(anchors.size());
    std::vector<double> objects(static_cast<size_t>(n * count * h * w), 0.0);
    const std::vector<Match> found = matches(targets, anchors, head.strides[level], h, w);
    double box = 0, cls = 0;
    for (const auto& [shift, a, t, r, c] : found) {
      const Target& target = targets[t];
      const auto value = [&, a = a, r = r, c = c](int64_t channel) {
        return out[target.image][static_cast<int64_t>(a) * k + channel][r][c];
      };
      const double stride = static_cast<double>(head.strides[level]);
      const auto made = [](double x, double y, double width, double height) {
        return Box{x - width / 2, y - height / 2, x + width / 2, y + height / 2};
      };
      const Box predicted = made(2 * sigmoid(value(0)) - 0.5, 2 * sigmoid(value(1)) - 0.5,
                                 std::pow(2 * sigmoid(value(2)), 2) * anchors[a][0] / stride,
                                 std::pow(2 * sigmoid(value(3)), 2) * anchors[a][1] / stride);
      const auto fw = static_cast<float>(w), fh = static_cast<float>(h);
      const Box wanted = made(target.cx * fw - static_cast<float>(c), target.cy * fh - static_cast<float>(r),
                              target.width * fw, target.height * fh);
      const double overlap = held_ciou(predicted, wanted, constants);
      box += (1 - overlap) / static_cast<double>(found.size());
      objects[static_cast<size_t>(((target.image * count + static_cast<int64_t>(a)) * h + r) * w + c)] =
          constants.keep(std::max(0.0, overlap));
      for (int64_t i = 0; classes > 1 && i < classes; ++i) {
        const double wish = i == target.label ? 1 - gains.label_smoothing / 2 : gains.label_smoothing / 2;
        cls += cross_entropy(value(5 + i), wish) / static_cast<double>(static_cast<int64_t>(found.size()) * classes);
      }
    }
    double obj = 0;
    for (int64_t i = 0; i < n * count * h * w; ++i) {
      const int64_t a = i / (h * w) % count;
      obj += cross_entropy(out[i / (count * h * w)][a * k + 4][i / w % h][i % w], objects[static_cast<size_t>(i)]);
    }
    parts.box += box;
    parts.cls += cls;
    parts.obj += obj / static_cast<double>(n * count * h * w) * balance[level];
  }
  const auto side = static_cast<double>(outputs[0].size(2) * head.strides[0]);
  parts.box *= gains.box;
  parts.obj *= gains.obj * side * side / (640 * 640);
  parts.cls *= gains.cls * static_cast<double>(head.class_count()) / 80;
  return parts;
}

/// A cell's target and what its class score is to be.
struct Given {
  int64_t image, cell, target;
  double score;
  bool operator<(const Given& other) const {
    return std::tie(image, cell, target) < std::tie(other.image, other.cell, other.target);
  }
};

struct Labelled {
  int64_t image, label;
  Box box;  ///< pixels
};

/// Task-aligned assignment, as TaskAligned's header has it. logits [N,A,C], boxes [N,A,4] pixels, points [A,2] pixels.
inline std::vector<Given> assign(const torch::Tensor& logits, const torch::Tensor& boxes, const torch::Tensor& points,
                                 const std::vector<Labelled>& targets, size_t top_k) {
  const auto x = logits.accessor<double, 3>();
  const auto b = boxes.accessor<double, 3>();
  const auto p = points.accessor<double, 2>();
  const int64_t images = logits.size(0), cells = logits.size(1);
  std::vector<Given> all;
  for (int64_t n = 0; n < images; ++n) {
    std::vector<size_t> here;
    for (size_t t = 0; t < targets.size(); ++t) {
      if (targets[t].image == n) here.push_back(t);
    }
    std::vector<std::vector<double>> metric, overlap;
    std::vector<std::vector<size_t>> takers(static_cast<size_t>(cells));
    for (size_t i = 0; i < here.size(); ++i) {
      const Labelled& target = targets[here[i]];
      std::vector<double>&t = metric.emplace_back(), &u = overlap.emplace_back();
      std::vector<int64_t> order;
      for (int64_t a = 0; a < cells; ++a) {
        const bool inside =
            p[a][0] > target.box.x1 && p[a][0] < target.box.x2 && p[a][1] > target.box.y1 && p[a][1] < target.box.y2;
        const Box box{b[n][a][0], b[n][a][1], b[n][a][2], b[n][a][3]};
        u.push_back(inside ? std::max(0.0, ciou(target.box, box).value) : 0);
        t.push_back(std::sqrt(sigmoid(x[n][a][target.label])) * std::pow(u.back(), 6));
        order.push_back(a);
      }
      std::ranges::stable_sort(order, std::ranges::greater(), [&](int64_t a) { return t[static_cast<size_t>(a)]; });
      for (size_t k = 0; k < std::min(top_k, order.size()); ++k) {
        const auto cell = static_cast<size_t>(order[k]);
        if (t[cell] > 0) takers[cell].push_back(i);
      }
    }
    std::vector<double> best(here.size()), closest(here.size());
    std::vector<Given> given;
    for (size_t a = 0; a < takers.size(); ++a) {
      if (takers[a].empty()) continue;
      size_t owner = takers[a][0];
      if (takers[a].size() > 1) {
        owner = 0;
        for (size_t i = 1; i < here.size(); ++i) {
          if (overlap[i][a] > overlap[owner][a]) owner = i;
        }
      }
      best[owner] = std::max(best[owner], metric[owner][a]);
      closest[owner] = std::max(closest[owner], overlap[owner][a]);
      given.push_back({n, static_cast<int64_t>(a), static_cast<int64_t>(owner), metric[owner][a]});
    }
    for (Given& g : given) {
      const auto owner = static_cast<size_t>(g.target);
      g.score = g.score / (best[owner] + 1e-9) * closest[owner];
      g.target = static_cast<int64_t>(here[owner]);
      all.push_back(g);
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

/// A cell of an anchor-free head.
struct Cell {
  size_t level;
  int64_t row, column;
  double stride;
};
inline std::vector<Cell> cells_of(const models::DetectHead& head, const std::vector<torch::Tensor>& outputs) {
  std::vector<Cell> cells;
  for (size_t level = 0; level < head.strides.size(); ++level) {
    for (int64_t r = 0; r < outputs[2 * level].size(2); ++r) {
      for (int64_t c = 0; c < outputs[2 * level].size(3); ++c) {
        cells.push_back({level, r, c, static_cast<double>(head.strides[level])});
      }
    }
  }
  return cells;
}

/// The log-probabilities of the bins of one side of one cell.
inline std::vector<double> bins(const models::DetectHead& head, const std::vector<torch::Tensor>& outputs,
                                int64_t image, const Cell& cell, int64_t side) {
  const auto out = outputs[2 * cell.level].accessor<double, 4>();
  std::vector<double> logits;
  for (int64_t k = 0; k < head.reg_max; ++k)
    logits.push_back(out[image][side * head.reg_max + k][cell.row][cell.column]);
  double sum = 0;
  for (const double v : logits) sum += std::exp(v);
  for (double& v : logits) v -= std::log(sum);
  return logits;
}

/// The predicted box in the level's cells.
inline Box predicted_box(const models::DetectHead& head, const std::vector<torch::Tensor>& outputs, int64_t image,
                         const Cell& cell) {
  double reach[4] = {};
  for (int64_t side = 0; side < 4; ++side) {
    const std::vector<double> log_p = bins(head, outputs, image, cell, side);
    for (size_t k = 0; k < log_p.size(); ++k) reach[side] += std::exp(log_p[k]) * static_cast<double>(k);
  }
  const double x = static_cast<double>(cell.column) + 0.5, y = static_cast<double>(cell.row) + 0.5;
  return {x - reach[0], y - reach[1], x + reach[2], y + reach[3]};
}

inline std::vector<Labelled> labelled(const std::vector<Target>& targets, double side) {
  std::vector<Labelled> all;
  for (const Target& t : targets) {
    all.push_back({t.image,
                   t.label,
                   {(t.cx - t.width / 2) * side, (t.cy - t.height / 2) * side, (t.cx + t.width / 2) * side,
                    (t.cy + t.height / 2) * side}});
  }
  return all;
}

/// The assignment of a batch of raw outputs (float64, contiguous, CPU; square images).
inline std::vector<Given> assign(const models::DetectHead& head, const std::vector<torch::Tensor>& outputs,
                                 const std::vector<Target>& targets) {
  const std::vector<Cell> cells = cells_of(head, outputs);
  const int64_t images = outputs[0].size(0), count = static_cast<int64_t>(cells.size());
  const torch::Tensor logits = torch::empty({images, count, head.class_count()}, torch::kDouble);
  const torch::Tensor boxes = torch::empty({images, count, 4}, torch::kDouble);
  const torch::Tensor points = torch::empty({count, 2}, torch::kDouble);
  auto l = logits.accessor<double, 3>(), b = boxes.accessor<double, 3>();
  auto p = points.accessor<double, 2>();
  for (int64_t a = 0; a < count; ++a) {
    const Cell& cell = cells[static_cast<size_t>(a)];
    p[a][0] = (static_cast<double>(cell.column) + 0.5) * cell.stride;
    p[a][1] = (static_cast<double>(cell.row) + 0.5) * cell.stride;
    for (int64_t n = 0; n < images; ++n) {
      const Box box = predicted_box(head, outputs, n, cell);
      const double corners[] = {box.x1, box.y1, box.x2, box.y2};
      for (int64_t k = 0; k < 4; ++k) b[n][a][k] = corners[k] * cell.stride;
      for (int64_t k = 0; k < head.class_count(); ++k) {
        l[n][a][k] = outputs[2 * cell.level + 1][n][k][cell.row][cell.column].item<double>();
      }
    }
  }
  const double side = static_cast<double>(outputs[0].size(2) * head.strides[0]);
  return assign(logits, boxes, points, labelled(targets, side), 10);
}

inline Parts yolov8(const models::DetectHead& head, const LossGains& gains, const std::vector<torch::Tensor>& outputs,
                    const std::vector<Target>& targets, const std::vector<Given>& given, Constants& constants) {
  const std::vector<Cell> cells = cells_of(head, outputs);
  const std::vector<Labelled> wanted = labelled(targets, static_cast<double>(outputs[0].size(2) * head.strides[0]));
  double sum = 0;
  for (const Given& g : given) sum += g.score;
  sum = std::max(1.0, sum);
  Parts parts;
  for (int64_t n = 0; n < outputs[0].size(0); ++n) {
    for (size_t a = 0; a < cells.size(); ++a) {
      const Cell& cell = cells[a];
      const auto logits = outputs[2 * cell.level + 1].accessor<double, 4>();
      const auto mine = std::ranges::find_if(
          given, [&](const Given& g) { return g.image == n && g.cell == static_cast<int64_t>(a); });
      for (int64_t k = 0; k < head.class_count(); ++k) {
        const bool own = mine != given.end() && wanted[static_cast<size_t>(mine->target)].label == k;
        parts.cls += cross_entropy(logits[n][k][cell.row][cell.column], own ? mine->score : 0) / sum;
      }
      if (mine == given.end()) continue;
      Box box = wanted[static_cast<size_t>(mine->target)].box;
      box = {box.x1 / cell.stride, box.y1 / cell.stride, box.x2 / cell.stride, box.y2 / cell.stride};
      parts.box += (1 - held_ciou(predicted_box(head, outputs, n, cell), box, constants)) * mine->score / sum;
      const double x = static_cast<double>(cell.column) + 0.5, y = static_cast<double>(cell.row) + 0.5;
      const double sides[] = {x - box.x1, y - box.y1, box.x2 - x, box.y2 - y};
      for (int64_t side = 0; side < 4; ++side) {
        const double length = std::clamp(sides[side], 0.0, static_cast<double>(head.reg_max) - 1.01);
        const auto left = static_cast<size_t>(length);
        const std::vector<double> log_p = bins(head, outputs, n, cell, side);
        const double share = length - static_cast<double>(left);
        parts.dfl -= ((1 - share) * log_p[left] + share * log_p[left + 1]) / 4 * mine->score / sum;
      }
    }
  }
  parts.box *= gains.box;
  parts.cls *= gains.cls;
  parts.dfl *= gains.dfl;
  return parts;
}

}  // namespace quench::train::reference
