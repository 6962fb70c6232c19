// Memory that processes of one machine share, the sums that go through it, and the notice of their ends.

#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <thread>

#include "collectives/memory_lane.h"
#include "collectives/shared_memory.h"
#include "error_testing.h"
#include "processes_testing.h"

namespace quench::collectives {
namespace {

using Lost = std::runtime_error;

const MemoryLane::Waiting kNobodyWaits = [](const auto&) {};

TEST(SharedMemory, IsFoundByItsNameUntilItIsSealed) {
  const auto memory = SharedMemory::create(1000);
  ASSERT_NE(memory, nullptr);
  memory->data()[999] = std::byte{7};
  const std::string name = memory->name();
  EXPECT_EQ(run_ranks(1,
                      [&](int) {
                        const auto found = SharedMemory::attach(name, 1000);
                        ASSERT_NE(found, nullptr);
                        EXPECT_EQ(found->data()[999], std::byte{7});
                        found->data()[0] = std::byte{8};
                        EXPECT_EQ(SharedMemory::attach(name, 1001), nullptr) << "another size";
                        EXPECT_EQ(SharedMemory::attach(name.substr(0, name.size() - 1) + "x", 1000), nullptr)
                            << "another token";
                        EXPECT_EQ(SharedMemory::attach("1 0 x", 1000), nullptr) << "not a file of that size";
                        EXPECT_EQ(SharedMemory::attach("", 1000), nullptr);
                      }),
            std::vector<int>{0});
  EXPECT_EQ(memory->data()[0], std::byte{8});
  memory->seal();
  EXPECT_EQ(SharedMemory::attach(name, 1000), nullptr);
}

TEST(ProcessWatch, NoticesAnEndThatNobodyHasCollected) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  const std::array<pid_t, 2> ids{::getpid(), child};
  const auto watch = ProcessWatch::of(ids);
  if (!watch) {
    ::kill(child, SIGKILL);
    end_of(child);
    GTEST_SKIP() << "this system has no pidfd_open";
  }
  EXPECT_FALSE(watch->one_has_ended());
  ::kill(child, SIGKILL);
  for (int i = 0; i < 500 && !watch->one_has_ended(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(watch->one_has_ended());
  end_of(child);
  EXPECT_EQ(ProcessWatch::of(std::array<pid_t, 1>{child}), nullptr);
}

/// Runs work(lane, rank) in `count` processes with a lane of `chunks` chunks of 32 KiB each.
std::vector<int> in_lanes(int count, size_t chunks, const std::function<void(MemoryLane&, int)>& work) {
  const auto memory = SharedMemory::create(MemoryLane::bytes_for(count, chunks));
  return run_ranks(count, [&](int rank) {  // forks have the memory without looking for it
    MemoryLane lane(memory->data(), rank, count, chunks);
    work(lane, rank);
  });
}

template <typename T>
void sum(MemoryLane& lane, std::vector<T>& values) {
  lane.finish(*lane.start(std::span<T>(values)), kNobodyWaits);
}

// 4,000 sums of some values: a slot that is written too early, or read too late, shows as a wrong one.
TEST(MemoryLane, SumsStayApart) {
  EXPECT_EQ(in_lanes(3, 2,
                     [](MemoryLane& lane, int rank) {
                       for (int64_t turn = 0; turn < 4000; ++turn) {
                         std::vector<int64_t> values(1 + turn % 5, turn * (rank + 1));
                         sum(lane, values);
                         ASSERT_EQ(values.back(), turn * 6);
                         if (rank == turn % 3 && turn % 1000 == 0) {
                           std::this_thread::sleep_for(std::chrono::milliseconds(2));
                         }
                       }
                     }),
            (std::vector<int>{0, 0, 0}));
}

TEST(MemoryLane, SumsOfManyChunksAndOfNothing) {
  EXPECT_EQ(in_lanes(2, 4,
                     [](MemoryLane& lane, int rank) {
                       std::vector<float> values(100'001);  // 13 chunks, the last with 1697 values
                       std::iota(values.begin(), values.end(), static_cast<float>(rank));
                       std::vector<double> nothing;
                       const auto large = lane.start(std::span<float>(values));
                       sum(lane, nothing);
                       lane.finish(*large, kNobodyWaits);
                       for (size_t i = 0; i < values.size(); i += 1000) ASSERT_EQ(values[i], 2.0f * i + 1);
                       lane.finish(*large, kNobodyWaits);
                       EXPECT_EQ(values.back(), 200'001.0f) << "finished twice";
                     }),
            (std::vector<int>{0, 0}));
}

// Values whose sum depends on the order of the addends.
TEST(MemoryLane, AddsInTheOrderOfRanks) {
  EXPECT_EQ(in_lanes(3, 2,
                     [](MemoryLane& lane, int rank) {
                       std::vector<double> values{rank == 0 ? 1e16 : 1.0};
                       sum(lane, values);
                       EXPECT_EQ(values[0], 1e16 + 1.0 + 1.0);
                     }),
            (std::vector<int>{0, 0, 0}));
}

TEST(MemoryLane, SumsOfOtherValuesAreNoticed) {
  const auto expect_noticed = [](auto first, auto second) {
    EXPECT_EQ(in_lanes(2, 2,
                       [&](MemoryLane& lane, int rank) {
                         const auto work = [&](auto& values) {
                           const auto [kind, message] = error_of([&] { sum(lane, values); });
                           EXPECT_EQ(kind, ErrorKind::internal);
                           EXPECT_NE(message.find("expected the same sum in all processes"), std::string::npos);
                         };
                         rank == 0 ? work(first) : work(second);
                       }),
              (std::vector<int>{0, 0}));
  };
  expect_noticed(std::vector<float>(3), std::vector<float>(4));
  expect_noticed(std::vector<double>(3), std::vector<int64_t>(3));
}

TEST(MemoryLane, WhoWaitsIsCalledAndMayGiveUp) {
  EXPECT_EQ(in_lanes(2, 2,
                     [](MemoryLane& lane, int rank) {
                       if (rank == 1) return;
                       int calls = 0;
                       std::vector<float> values{1};
                       const auto begun = lane.start(std::span<float>(values));
                       EXPECT_THROW(lane.finish(*begun,
                                                [&](const auto& has_come) {
                                                  EXPECT_FALSE(has_come());
                                                  if (++calls == 2) throw Lost("nobody comes");
                                                }),
                                    Lost);
                       EXPECT_EQ(calls, 2);
                     }),
            (std::vector<int>{0, 0}));
}

}  // namespace
}  // namespace quench::collectives
