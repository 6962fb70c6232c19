#include "core/workers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

TEST(Workers, EachNumberIsCalledOnce) {
  for (const int workers : {1, 2, 5}) {
    std::vector<int> calls(static_cast<size_t>(workers));
    quench::run_workers(workers, [&](int worker) { ++calls.at(static_cast<size_t>(worker)); });
    EXPECT_EQ(calls, std::vector<int>(static_cast<size_t>(workers), 1));
  }
}

TEST(Workers, TheFirstFailureByNumberIsThrownAfterAllHaveEnded) {
  std::atomic<int> ended = 0;
  try {
    quench::run_workers(4, [&](int worker) {
      ++ended;
      if (worker > 0) throw std::runtime_error(std::to_string(worker));
    });
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "1");
  }
  EXPECT_EQ(ended, 4);
}

}  // namespace
