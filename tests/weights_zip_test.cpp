#include <gtest/gtest.h>
#include <sys/resource.h>

#include "core/error.h"
#include "weights/zip.h"
#include "weights_samples.h"

namespace quench::weights {
namespace {

using samples::ZipEntry;

std::string message_of(const std::string& bytes) {
  try {
    const Zip archive(bytes, "x.pt");
    for (const auto& [name, entry] : archive.entries()) archive.read(name);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data) << error.what();
    return error.what();
  }
  return "";
}

TEST(Zip, ReadsStoredEntries) {
  const std::string bytes =
      samples::zip({{"a/data.pkl", "hello"}, {"a/empty", ""}, {"a/data/0", std::string(70000, 'x')}});
  const Zip archive(bytes, "x.pt");
  EXPECT_EQ(archive.entries().size(), 3u);
  EXPECT_EQ(archive.size_bytes(), 70005u);
  EXPECT_EQ(archive.read("a/data.pkl"), "hello");
  EXPECT_EQ(archive.read("a/empty"), "");
  EXPECT_EQ(archive.read("a/data/0"), std::string(70000, 'x'));
  EXPECT_FALSE(archive.contains("a"));
  EXPECT_THROW(archive.read("b"), Error);
}

// Written by CPython 3.11's zipfile with zip64 records for every size and offset.
TEST(Zip, ReadsZip64) {
  const std::string bytes = samples::from_hex(
      "504b03042d00000000000000210086a61036ffffffffffffffff0a001400612f646174612e706b6c01001000050000000000000005000000"
      "00"
      "00000068656c6c6f504b01022d032d00000000000000210086a61036ffffffffffffffff0a0014000000000000000000800100000000612f"
      "64"
      "6174612e706b6c0100100005000000000000000500000000000000504b06062c000000000000002d002d0000000000000000000100000000"
      "00"
      "000001000000000000004c000000000000004100000000000000504b0607000000008d0000000000000001000000504b0506000000000100"
      "01"
      "004c000000410000000000");
  const Zip archive(bytes, "x.pt");
  EXPECT_EQ(archive.read("a/data.pkl"), "hello");
}

TEST(Zip, RefusesWhatIsNoWholeArchive) {
  const std::string whole = samples::zip({{"a/data.pkl", "hello"}, {"a/data/0", std::string(100, 'x')}});
  EXPECT_EQ(message_of(whole), "");
  for (size_t size = 0; size < whole.size(); ++size) EXPECT_NE(message_of(whole.substr(0, size)), "") << size;
  EXPECT_NE(message_of("PK no archive").find("zip archive"), std::string::npos);
}

TEST(Zip, RefusesCompressedEncryptedAndDamagedEntries) {
  EXPECT_NE(message_of(samples::zip({{"a", "hello", 8}})).find("compressed"), std::string::npos);
  EXPECT_NE(message_of(samples::zip({{"a", "hello", 0, -1, 1}})).find("CRC"), std::string::npos);
  EXPECT_NE(message_of(samples::zip({{"a", "x"}, {"a", "y"}})).find("'a' twice"), std::string::npos);
}

// A deflated entry of a kilobyte that claims a gigabyte is refused for being deflated; a stored one that claims more
// than the file holds, for its size.
TEST(Zip, RefusesSizesThatTheFileCannotHold) {
  EXPECT_NE(message_of(samples::zip({{"a", "hello", 8, 1 << 30}})).find("compressed"), std::string::npos);
  EXPECT_NE(message_of(samples::zip({{"a", "hello", 0, 1 << 30}})).find("fit"), std::string::npos);
}

// Entries that share their bytes would make much of little.
TEST(Zip, RefusesEntriesThatTogetherHoldMoreThanTheFile) {
  std::string bytes = samples::zip({{"a", std::string(1000, 'x')}, {"b", std::string(10, 'y')}});
  const size_t directory = bytes.find("PK\x01\x02");
  const size_t second = bytes.find("PK\x01\x02", directory + 1);
  bytes.replace(second + 16, 12, bytes.substr(directory + 16, 12));  // checksum and sizes of the first
  bytes.replace(second + 42, 4, bytes.substr(directory + 42, 4));    // and its place
  EXPECT_NE(message_of(bytes).find("fit"), std::string::npos);
}

// A zip64 record that claims 2^28 entries must not make memory for them.
TEST(Zip, ACountOfEntriesAllocatesNothing) {
  const std::string whole = samples::zip({{"a/data.pkl", "hello"}});
  const size_t directory = whole.find("PK\x01\x02"), end = whole.find("PK\x05\x06");
  for (const uint64_t count : {uint64_t{1} << 28, uint64_t{1} << 60}) {
    for (const uint64_t size : {static_cast<uint64_t>(end - directory), uint64_t{1} << 40}) {
      using samples::little;
      const std::string record = "PK\x06\x06" + little<uint64_t>(44) + little<uint32_t>(0) + little<uint32_t>(0) +
                                 little<uint32_t>(0) + little(count) + little(count) + little(size) +
                                 little(static_cast<uint64_t>(directory));
      const std::string locator =
          "PK\x06\x07" + little<uint32_t>(0) + little(static_cast<uint64_t>(end)) + little<uint32_t>(1);
      std::string bytes = whole.substr(0, end) + record + locator + whole.substr(end);
      bytes.replace(bytes.size() - 14, 12, std::string(12, '\xFF'));
      rusage before{}, after{};
      getrusage(RUSAGE_SELF, &before);
      EXPECT_NE(message_of(bytes), "") << count << " " << size;
      getrusage(RUSAGE_SELF, &after);
      EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 64 * 1024) << count << " " << size;  // KiB
    }
  }
}

TEST(ZipFuzz, BytesChanged) {
  const std::string whole =
      samples::zip({{"a/data.pkl", "hello"}, {"a/data/0", std::string(60, 'x')}, {"a/version", "3"}});
  int errors = 0;
  for (uint64_t round = 0; round < 5000; ++round) {
    Rng rng(0, "zip", round);
    if (!message_of(samples::changed(whole, rng)).empty()) ++errors;
  }
  EXPECT_GT(errors, 2500);
  EXPECT_LT(errors, 5000);
}

}  // namespace
}  // namespace quench::weights
