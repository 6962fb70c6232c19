#include "platform/power.h"

namespace quench::platform {

FoundMeter find_power_meter(const std::filesystem::path& root) {
  FoundMeter board = find_ina3221(root);
  if (board.meter) return board;
  FoundMeter processor = find_rapl(root);
  if (!processor.meter) processor.reason = board.reason + "; " + processor.reason;
  return processor;
}

}  // namespace quench::platform
