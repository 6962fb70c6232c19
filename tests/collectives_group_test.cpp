// Several processes that meet over loopback: sums, bytes, and what becomes of the others where one ends.

#include <ATen/ATen.h>
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <thread>

#include "collectives/join.h"
#include "core/clock.h"
#include "error_testing.h"
#include "processes/free_port.h"
#include "processes/sharing.h"
#include "processes_testing.h"

namespace quench::collectives {
namespace {

using processes::Group;
using processes::Place;

constexpr int kKilled = 128 + SIGKILL;

const std::vector<int> kBothWell{0, 0}, kAllWell{0, 0, 0};

/// With sums through memory that processes share, or through connections.
class JoinedGroup : public ::testing::TestWithParam<bool> {
 protected:
  /// Runs work in `count` processes that have met. They are forks of this one, which never uses LibTorch itself.
  static std::vector<int> together(int count, const std::function<void(Group&)>& work, double wait_seconds = 30) {
    if (!why_not().empty()) return std::vector<int>(static_cast<size_t>(count), 0);
    const int port = processes::free_port();
    return run_ranks(count, [&](int rank) {
      const Place place{rank, count, rank, "127.0.0.1", port};
      const auto group = join(place, {.join_seconds = 30, .wait_seconds = wait_seconds, .shared_memory = GetParam()});
      work(*group);
    });
  }
};

INSTANTIATE_TEST_SUITE_P(Sums, JoinedGroup, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "InMemory" : "ByConnections"; });

TEST_P(JoinedGroup, SumsAreTheSameEverywhere) {
  EXPECT_EQ(together(3,
                     [](Group& group) {
                       ASSERT_EQ(group.world_size(), 3);
                       std::array<float, 3> floats{1.5f, static_cast<float>(group.rank()), -1};
                       group.sum(std::span<float>(floats));
                       EXPECT_EQ(floats, (std::array<float, 3>{4.5f, 3, -3}));
                       std::array<double, 1> doubles{0.1};
                       group.sum(std::span<double>(doubles));
                       EXPECT_NEAR(doubles[0], 0.3, 1e-15);
                       std::array<int64_t, 1> numbers{int64_t{1} << 40};
                       group.sum(std::span<int64_t>(numbers));
                       EXPECT_EQ(numbers[0], int64_t{3} << 40);
                       group.sum(std::span<float>());
                       // Values whose sum depends on the order: all must have the same bits nevertheless.
                       at::Tensor values = at::linspace(0.1, 7.3, 1001, at::kFloat) / (group.rank() + 1.7);
                       group.sum(values);
                       const float* data = values.data_ptr<float>();
                       const std::string bytes(reinterpret_cast<const char*>(data), 1001 * sizeof(float));
                       const std::vector<std::string> all = group.gather(bytes);
                       EXPECT_EQ(all[0], all[1]);
                       EXPECT_EQ(all[0], all[2]);
                     }),
            kAllWell);
}

// One process begins them before its other acts, the other after: their orders are apart.
TEST_P(JoinedGroup, SumsOnTheirWayHaveAnOrderOfTheirOwn) {
  EXPECT_EQ(together(2,
                     [](Group& group) {
                       std::vector<std::unique_ptr<processes::Pending>> pending;
                       const at::Tensor first = at::full({1000}, 1.0f), second = at::full({10}, 10.0f);
                       const auto begin = [&] {
                         pending.push_back(group.start_sum(first));
                         pending.push_back(group.start_sum(second));
                       };
                       if (group.leads()) begin();
                       std::array<float, 1> one{1};
                       group.sum(std::span<float>(one));
                       group.barrier();
                       if (!group.leads()) begin();
                       for (const auto& sum : pending) sum->wait();
                       EXPECT_EQ(first[999].item<float>(), 2);
                       EXPECT_EQ(second[9].item<float>(), 20);
                     }),
            kBothWell);
}

// More than fits into the memory at a time, waited for in another order than they were begun.
TEST_P(JoinedGroup, SumsLargerThanTheMemory) {
  EXPECT_EQ(together(3,
                     [](Group& group) {
                       const at::Tensor large = at::arange(3'000'000, at::kFloat) + group.rank();
                       const at::Tensor wide = at::arange(100'000, at::kDouble), small = at::ones({1});
                       const auto first = group.start_sum(large);
                       const auto second = group.start_sum(small);
                       group.sum(wide);
                       if (group.rank() == 1) first->wait();
                       second->wait();
                       first->wait();
                       EXPECT_TRUE(at::equal(large, at::arange(3'000'000, at::kFloat) * 3 + 3));
                       EXPECT_TRUE(at::equal(wide, at::arange(100'000, at::kDouble) * 3));
                       EXPECT_EQ(small.item<float>(), 3);
                     }),
            kAllWell);
}

TEST_P(JoinedGroup, BytesOfAnySize) {
  EXPECT_EQ(together(3,
                     [](Group& group) {
                       const std::string large(100000, 'x');
                       EXPECT_EQ(group.broadcast(group.leads() ? large : "of no matter"), large);
                       EXPECT_EQ(group.broadcast(group.rank() == 2 ? std::string("a\0b", 3) : "", 2),
                                 std::string("a\0b", 3));
                       EXPECT_EQ(group.broadcast(""), "");
                       const std::vector<std::string> all = group.gather(std::string(group.rank() * 1000, 'r'));
                       ASSERT_EQ(all.size(), 3u);
                       for (size_t i = 0; i < 3; ++i) EXPECT_EQ(all[i], std::string(i * 1000, 'r'));
                       EXPECT_EQ(group.gather(""), std::vector<std::string>(3));
                       EXPECT_EQ(processes::sharing_processors(group), 3);
                     }),
            kAllWell);
}

TEST_P(JoinedGroup, OneThatLeavesTellsTheOthersWhy) {
  EXPECT_EQ(together(3,
                     [](Group& group) {
                       group.barrier();
                       if (group.rank() == 1) {
                         group.leave(ErrorKind::data, "[data] expected a picture, got a poem (a.jpg)");
                         EXPECT_TRUE(group.lost());
                         return;
                       }
                       const auto [kind, message] = error_of([&] { group.barrier(); });
                       EXPECT_EQ(kind, ErrorKind::data);
                       EXPECT_NE(message.find("got a poem (a.jpg) (on rank 1 ("), std::string::npos) << message;
                       EXPECT_TRUE(group.lost());
                     }),
            kAllWell);
}

TEST_P(JoinedGroup, TheLeaderThatLeavesStaysUntilItIsHeard) {
  EXPECT_EQ(together(2,
                     [](Group& group) {
                       group.barrier();
                       if (group.leads()) return group.leave(ErrorKind::cancelled, "interrupted");
                       const auto [kind, message] = error_of([&] { group.gather("x"); });
                       EXPECT_EQ(kind, ErrorKind::cancelled);
                       EXPECT_EQ(message, "interrupted");
                     }),
            kBothWell);
}

TEST_P(JoinedGroup, OneThatIsKilledIsNamed) {
  EXPECT_EQ(together(3,
                     [](Group& group) {
                       group.barrier();
                       if (group.rank() == 1) ::raise(SIGKILL);
                       const auto [kind, message] = error_of([&] {
                         std::array<float, 1> one{1};
                         while (true) group.sum(std::span<float>(one));
                       });
                       EXPECT_EQ(kind, ErrorKind::backend);
                       EXPECT_NE(message.find("lost rank 1 ("), std::string::npos) << message;
                     }),
            (std::vector<int>{0, kKilled, 0}));
}

TEST_P(JoinedGroup, TheLeaderThatIsKilledIsNamed) {
  EXPECT_EQ(together(3,
                     [](Group& group) {
                       group.barrier();
                       if (group.rank() == 0) ::raise(SIGKILL);
                       const auto [kind, message] = error_of([&] {
                         while (true) group.barrier();
                       });
                       EXPECT_EQ(kind, ErrorKind::backend);
                       EXPECT_NE(message.find("lost rank 0 ("), std::string::npos) << message;
                     }),
            (std::vector<int>{kKilled, 0, 0}));
}

/// Rank 1 is there but does not answer.
TEST_P(JoinedGroup, AWaitHasALimitAndAPatientOneHasNone) {
  EXPECT_EQ(together(
                2,
                [](Group& group) {
                  if (group.leads()) std::this_thread::sleep_for(std::chrono::milliseconds(800));
                  group.barrier(true);
                  if (!group.leads()) return std::this_thread::sleep_for(std::chrono::milliseconds(1200));
                  const auto [kind, message] = error_of([&] { group.barrier(); });
                  EXPECT_EQ(kind, ErrorKind::backend);
                  EXPECT_NE(message.find("no answer in 0.5 s"), std::string::npos) << message;
                },
                0.5),
            kBothWell);
}

/// Joins in a process of its own, so that this one stays without LibTorch's threads.
void expect_no_join(const Place& place, ErrorKind wanted, const std::string& said) {
  if (!why_not().empty()) GTEST_SKIP() << why_not();
  const auto work = [&](int) {
    const auto [kind, message] = error_of([&] { join(place, {.join_seconds = 0.5}); });
    EXPECT_EQ(kind, wanted);
    EXPECT_NE(message.find(said), std::string::npos) << message;
  };
  EXPECT_EQ(run_ranks(1, work), std::vector<int>{0});
}

TEST(Join, NamesThoseThatDoNotCome) {
  expect_no_join({0, 3, 0, "127.0.0.1", processes::free_port()}, ErrorKind::io, "missing rank 1, 2;");
}

TEST(Join, SaysThatNobodyListens) {
  expect_no_join({1, 2, 1, "127.0.0.1", processes::free_port()}, ErrorKind::io,
                 "expected rank 0 to listen at 127.0.0.1:");
}

TEST(Join, SaysThatAnAddressIsNotKnown) {
  expect_no_join({1, 2, 1, "no-such-host.invalid", 4000}, ErrorKind::io, "MASTER_ADDR");
}

/// A port that something listens on which never says a word.
class Listener {
 public:
  Listener() : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in any{};
    any.sin_family = AF_INET;
    socklen_t size = sizeof any;
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&any), size), 0);
    EXPECT_EQ(::listen(fd_, 1), 0);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&any), &size);
    port = ntohs(any.sin_port);
  }
  ~Listener() { ::close(fd_); }
  int port = 0;

 private:
  int fd_;
};

TEST(Join, SaysThatThePortIsTaken) {
  const Listener other;
  expect_no_join({0, 2, 0, "127.0.0.1", other.port}, ErrorKind::io, "MASTER_PORT names another");
}

TEST(Join, SaysThatAnotherProgramListens) {
  const Listener other;
  expect_no_join({1, 2, 1, "127.0.0.1", other.port}, ErrorKind::io, "another program?");
}

TEST(Join, RefusesARankThatIsThereTwice) {
  if (!why_not().empty()) GTEST_SKIP() << why_not();
  constexpr int kRefused = 7;
  const int port = processes::free_port();
  std::vector<int> codes = run_ranks(3, [&](int process) {
    const int rank = std::min(process, 1);
    try {
      join({rank, 2, rank, "127.0.0.1", port})->barrier();
    } catch (const Error& error) {
      const bool told =
          std::string(error.what()).find("expected one process of rank 1 at 127.0.0.1") != std::string::npos;
      if (error.kind() == ErrorKind::config && told) ::_exit(kRefused);
      throw;
    }
  });
  std::ranges::sort(codes);
  EXPECT_EQ(codes, (std::vector<int>{0, 0, kRefused}));
}

TEST(Join, OneProcessIsAlone) { EXPECT_EQ(join({})->world_size(), 1); }

TEST(Join, ABuildWithoutItSaysSo) {
  if (why_not().empty()) GTEST_SKIP() << "this build has it";
  EXPECT_EQ(error_of([] { join({0, 2, 0, "127.0.0.1", 4000}); }).first, ErrorKind::unsupported);
}

}  // namespace
}  // namespace quench::collectives
