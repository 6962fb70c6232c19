// main() of every test program. GoogleTest counts a skipped test as no failure; here a program whose tests were all
// skipped ends with kSkipped, which CTest lists as "Skipped" (quench_test in cmake/Folder.cmake). A line for each
// skipped test says why; `make test` shows these lines at its end.

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <string>

namespace {

constexpr int kSkipped = 77;

/// Keeps the reason of the test that runs.
class Reasons : public testing::EmptyTestEventListener {
  void OnTestPartResult(const testing::TestPartResult& part) override {
    if (part.skipped()) reason_ = part.message();
  }
  void OnTestEnd(const testing::TestInfo& test) override {
    if (test.result()->Skipped()) {
      std::replace(reason_.begin(), reason_.end(), '\n', ' ');
      const std::string said = reason_.starts_with("Skipped ") ? reason_.substr(8) : reason_;
      std::cout << "not run: " << test.test_suite_name() << "." << test.name() << ": " << said << std::endl;
    }
    reason_.clear();
  }
  std::string reason_;
};

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  testing::UnitTest::GetInstance()->listeners().Append(new Reasons);
  const int code = RUN_ALL_TESTS();
  const testing::UnitTest& all = *testing::UnitTest::GetInstance();
  const bool none_ran = all.test_to_run_count() > 0 && all.skipped_test_count() == all.test_to_run_count();
  return code == 0 && none_ran ? kSkipped : code;
}
