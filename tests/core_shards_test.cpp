// Bytes for another process, shares of a list, and work that several processes do together.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/byte_string.h"
#include "core/shards.h"
#include "error_testing.h"
#include "shards_testing.h"

namespace quench {
namespace {

TEST(ByteString, EveryValueComesBackToTheBit) {
  const std::vector<int64_t> numbers{
      0, 1, -1, 63, 64, -64, -65, 1'000'000, std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()};
  const std::vector<double> reals{0, -0.0, 1.0 / 3, 5e-324, HUGE_VAL, -1e300};
  ByteWriter out("numbers 1");
  for (const int64_t value : numbers) out.number(value);
  for (const double value : reals) out.real(value);
  out.real(-0.0F);
  out.real(1.0F / 3);
  out.text({"a\0b", 3});
  out.text("");
  const std::string bytes = out.take();
  ByteReader in(bytes, "numbers 1");
  for (const int64_t value : numbers) EXPECT_EQ(in.number(), value);
  for (const double value : reals) {
    const double read = in.real_double();
    EXPECT_EQ(read, value);
    EXPECT_EQ(std::signbit(read), std::signbit(value));
  }
  EXPECT_TRUE(std::signbit(in.real_float()));
  EXPECT_EQ(in.real_float(), 1.0F / 3);
  EXPECT_EQ(in.text(), std::string("a\0b", 3));
  EXPECT_EQ(in.text(), "");
  EXPECT_TRUE(in.at_end());
}

TEST(ByteString, ANumberNearZeroIsAByte) {
  ByteWriter out("");
  const size_t before = out.bytes().size();
  for (const int64_t value : {0, 1, -1, 63, -64}) out.number(value);
  EXPECT_EQ(out.bytes().size() - before, 5u);
}

TEST(ByteString, OtherAndCutBytesAreAnError) {
  ByteWriter out("form 1");
  out.number(1000);
  out.real(1.5);
  out.text("text");
  const std::string bytes = out.take();
  EXPECT_EQ(error_of([&] { ByteReader(bytes, "form 2"); }).first, ErrorKind::data);
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::string cut = bytes.substr(0, size);
    EXPECT_EQ(error_of([&] {
                ByteReader in(cut, "form 1");
                in.number();
                in.real_double();
                in.text();
              }).first,
              ErrorKind::data)
        << size;
  }
  ByteWriter many("form 1");
  many.number(1'000'000'000);
  EXPECT_EQ(error_of([&] { ByteReader(many.bytes(), "form 1").count(); }).first, ErrorKind::data);
}

TEST(Shards, SharesAreWholeBlocksInOrder) {
  EXPECT_EQ(share_of(10, 4, nullptr).size(), 10);
  for (const int count : {2, 3, 7}) {
    for (const int64_t items : {0, 1, 3, 8, 9, 64, 65}) {
      for (const int64_t block : {1, 2, 5, 64, 100}) {
        const std::vector<Share> shares =
            ActedShards(count).run<Share>([&](const Shards& shards) { return share_of(items, block, &shards); });
        int64_t next = 0, least = items, most = 0;
        for (const Share& share : shares) {
          EXPECT_EQ(share.first, next);
          EXPECT_TRUE(share.first % block == 0 || share.size() == 0);
          next = share.last;
          const int64_t blocks = (share.size() + block - 1) / block;
          least = std::min(least, blocks);
          most = std::max(most, blocks);
        }
        EXPECT_EQ(next, items);
        EXPECT_LE(most - least, 1);
      }
    }
  }
}

TEST(Shards, WorkIsExchangedByRank) {
  const auto all = ActedShards(3).run<std::vector<std::string>>([](const Shards& shards) {
    return exchange_work(shards, [&] { return std::string(static_cast<size_t>(shards.rank()), 'x'); });
  });
  for (const auto& one : all) EXPECT_EQ(one, (std::vector<std::string>{"", "x", "xx"}));
  const auto firsts =
      ActedShards(3).run<int64_t>([](const Shards& shards) { return of_the_first(shards, 40 + shards.rank()); });
  EXPECT_EQ(firsts, (std::vector<int64_t>{40, 40, 40}));
}

TEST(Shards, AllThrowWhatTheLowestRankThrew) {
  const auto told = ActedShards(4).run<std::string>([](const Shards& shards) -> std::string {
    const auto [kind, text] = error_of([&] {
      exchange_work(shards, [&]() -> std::string {
        if (shards.rank() == 2) fail(ErrorKind::data, "the third");
        if (shards.rank() == 1) throw std::runtime_error("the second");
        return "";
      });
    });
    return std::string(to_string(kind)) + ": " + text;
  });
  EXPECT_EQ(told, std::vector<std::string>(4, "internal: the second"));
}

TEST(Shards, WhoeverSaysOtherwiseIsNamed) {
  const auto [kind, text] = error_of([] {
    ActedShards(3).run<int>([](const Shards& shards) {
      require_same(shards, shards.rank() == 1 ? "7 images" : "8 images", "the size of the test split");
      return 0;
    });
  });
  EXPECT_EQ(kind, ErrorKind::config);
  EXPECT_NE(text.find("expected the same of the size of the test split in every process, got '7 images' in process 1"),
            std::string::npos)
      << text;
}

TEST(Shards, AProcessThatEndsIsAnErrorInTheOthers) {
  const auto [kind, text] = error_of([] {
    ActedShards(2).run<int>([](const Shards& shards) {
      if (shards.rank() == 0) shards.exchange("");
      return 0;
    });
  });
  EXPECT_EQ(kind, ErrorKind::io);
}

}  // namespace
}  // namespace quench
