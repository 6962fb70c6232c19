#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/network.h"

namespace quench::models {

// The building blocks of YOLOv5 and YOLOv8. `name` is the module path of the block; the paths below it are the
// published ones, so that released weights map on.

/// Two convolutions, with the input added where `shortcut` and the channels are equal (residual block).
/// The first has kernel `first_kernel` (YOLOv5: 1, YOLOv8: 3), the second 3.
Value bottleneck(Network& net, const std::string& name, const Value& x, int64_t channels, int64_t first_kernel,
                 bool shortcut);

/// Cross-stage partial block with three convolutions (YOLOv5): cv3(concat(bottlenecks(cv1(x)), cv2(x))).
Value c3(Network& net, const std::string& name, const Value& x, int64_t channels, int repeats, bool shortcut);

/// Faster cross-stage partial block with two convolutions (YOLOv8): cv1(x) is split in halves; the second half and
/// every bottleneck's output on it are concatenated into cv2.
Value c2f(Network& net, const std::string& name, const Value& x, int64_t channels, int repeats, bool shortcut);

/// Spatial pyramid pooling, fast: three max pools in a row, all four stages concatenated.
Value sppf(Network& net, const std::string& name, const Value& x, int64_t channels, int64_t kernel);

/// Classifier head: 1x1 convolution to `hidden` channels, global average pool, linear. Gives logits [N, classes].
Value classify(Network& net, const std::string& name, const Value& x, int64_t hidden, int64_t classes);

/// YOLOv5's head convolutions: for each level `name.m.i`, [N, A * (5 + classes), H/s, W/s] for A anchors a level, with
/// channels (x, y, w, h, objectness, classes...) an anchor. Biases start at the published prior: 8 objects in a
/// 640-pixel image, 0.6 / classes each (focal loss's bias trick, Lin et al. 2017, section 3.3).
std::vector<Value> anchor_detect(Network& net, const std::string& name, const std::vector<Value>& levels,
                                 int64_t anchors, int64_t classes);

/// YOLOv8's head convolutions, for each level the box's `name.cv2.i`, [N, 4 * reg_max, H/s, W/s] (logits of the
/// distance distribution, left, top, right, bottom; Li et al. 2020), then the classes' `name.cv3.i`,
/// [N, classes, H/s, W/s]. The order is box 0, classes 0, box 1, ...
std::vector<Value> anchor_free_detect(Network& net, const std::string& name, const std::vector<Value>& levels,
                                      int64_t reg_max, int64_t classes);

}  // namespace quench::models
