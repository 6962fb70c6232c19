#pragma once

#include <cstdint>

#include "core/cancel.h"
#include "core/log.h"

namespace quench::data {

/// How a data set is opened: who is told, who may stop it, and from which size on its list of pictures is kept.
struct Opening {
  bool may_make_root = true;  ///< else nothing is kept where the folder of data sets is not there
  LogSink log = {};
  const CancelToken* cancel = nullptr;  ///< outlives the opened sets
  /// Smaller sets are listed at each opening, which takes no time.
  int64_t index_from = 1000;
  bool anew = false;  ///< as if nothing was kept

  void check_cancelled() const {
    if (cancel != nullptr) cancel->check();
  }
};

}  // namespace quench::data
