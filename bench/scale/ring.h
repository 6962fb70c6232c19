#pragma once

#include "cluster.h"

/// One step of training on several nodes.
struct Step {
  double forward_seconds = 0;
  double backward_seconds = 0;
  double rest_seconds = 0;    ///< optimizer, average of weights
  double gradient_bytes = 0;  ///< 4 for each parameter
  double spread = 0;  ///< standard deviation of a node's passes, as a share of their time; they never get faster
  int buckets = 1;    ///< sums that begin while the backward pass goes on, equal shares of bytes and time
};

/// Seconds of one step on `nodes` nodes: sums of buckets go round a ring, one bucket after the other, 2 (n - 1) rounds
/// of bytes / n each, as Gloo's ring does.
double play_step(const Step& step, int nodes, const Link& link);

/// The same by the formula of docs/scale.md, which knows no spread.
double step_by_formula(const Step& step, int nodes, const Link& link);
