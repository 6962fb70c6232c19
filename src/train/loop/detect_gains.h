#pragma once

#include "models/detect_head.h"
#include "train/loop/fit_settings.h"
#include "train/losses/detect_loss.h"

namespace quench::train {

/// The gains of a detector's loss as the settings have them: the family's own where they say 0.
LossGains detect_gains(const models::DetectHead& head, const FitSettings& settings);

}  // namespace quench::train
