#include <gtest/gtest.h>
#include <sched.h>

#include <cstdlib>
#include <optional>
#include <string>

#include "core/processors.h"

namespace quench {
namespace {

class Processors : public ::testing::Test {
 protected:
  Processors() {
    if (const char* text = std::getenv("OMP_NUM_THREADS")) asked_ = text;
    ::unsetenv("OMP_NUM_THREADS");
    CPU_ZERO(&mask_);
    ::sched_getaffinity(0, sizeof mask_, &mask_);
  }
  ~Processors() override {
    ::sched_setaffinity(0, sizeof mask_, &mask_);
    if (asked_) ::setenv("OMP_NUM_THREADS", asked_->c_str(), 1);
  }

  cpu_set_t mask_;
  std::optional<std::string> asked_;
};

TEST_F(Processors, AreThoseOfTheAffinityMask) {
  EXPECT_EQ(usable_processors(), CPU_COUNT(&mask_));
  int first = 0;
  while (!CPU_ISSET(first, &mask_)) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(usable_processors(), 1);
}

TEST_F(Processors, AreNoMoreThanOpenMpWasGiven) {
  const int all = usable_processors();
  const auto given = [](const char* text) {
    ::setenv("OMP_NUM_THREADS", text, 1);
    return usable_processors();
  };
  EXPECT_EQ(given("1"), 1);
  EXPECT_EQ(given("1,4"), 1);
  EXPECT_EQ(given("100000"), all);
  for (const char* strange : {"", "0", "-2", "many", "99999999999999999999"}) EXPECT_EQ(given(strange), all) << strange;
}

}  // namespace
}  // namespace quench
