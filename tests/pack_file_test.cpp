#include <gtest/gtest.h>

#include <limits>

#include "core/rng.h"
#include "data_testing.h"
#include "pack/file.h"
#include "pack_samples.h"

namespace quench::pack {
namespace {

namespace fs = std::filesystem;
using quench::testing::expect_error;

class PackFile : public ::testing::Test {
 protected:
  void expect_broken(std::initializer_list<std::string> parts) {
    expect_error(ErrorKind::data, parts, [&] {
      const Reader reader(path_);
      reader.read(0, reader.header().count());
    });
  }

  quench::testing::TemporaryFolder folder_;
  const fs::path path_ = folder_.path() / "sub/a.qpack";
};

TEST_F(PackFile, WhatIsWrittenIsRead) {
  for (const Header& header : {samples::classify_header(7), samples::detect_header(9)}) {
    const std::string sha256 = samples::write_noise(path_, header);
    const Reader reader(path_);
    EXPECT_TRUE(reader.header() == header);
    EXPECT_EQ(reader.sha256(), sha256);
    EXPECT_EQ(sha256.size(), 64u);
    const Tensor all = reader.read(0, header.count());
    EXPECT_EQ(all.shape(), (Shape{header.count(), 3, header.height, header.width}));
    EXPECT_EQ(all.dtype(), DType::u8);
    for (int64_t i = 0; i < header.count(); ++i) {
      const auto expected = samples::noise_image(header, i);
      const Tensor one = reader.read(i, 1);
      EXPECT_TRUE(std::ranges::equal(one.values<uint8_t>(), expected)) << i;
      EXPECT_TRUE(std::ranges::equal(
          all.values<uint8_t>().subspan(static_cast<size_t>(i) * expected.size(), expected.size()), expected))
          << i;
    }
  }
}

TEST_F(PackFile, EqualContentGivesEqualBytesAndOtherContentAnotherIdentity) {
  const Header header = samples::detect_header(3);
  const std::string first = samples::write_noise(path_, header);
  const std::string bytes = read_file(path_);
  EXPECT_EQ(samples::write_noise(path_, header), first);
  EXPECT_EQ(read_file(path_), bytes);

  Header moved = header;
  moved.images[2].id += 1;
  EXPECT_NE(samples::write_noise(path_, moved), first);
  Writer writer(path_, header);  // another pixel
  for (int64_t i = 0; i < header.count(); ++i) {
    auto image = samples::noise_image(header, i);
    if (i == 1) image[5] ^= 1;
    writer.add(image);
  }
  EXPECT_NE(writer.finish(), first);
}

TEST_F(PackFile, ComesToBeAsAWholeOrNotAtAll) {
  const Header header = samples::classify_header(3);
  {
    Writer writer(path_, header);
    writer.add(samples::noise_image(header, 0));
    EXPECT_FALSE(fs::exists(path_));
  }
  EXPECT_TRUE(fs::is_empty(path_.parent_path()));
  const std::string sha256 = samples::write_noise(path_, header);
  {
    Writer writer(path_, samples::classify_header(2));
    EXPECT_THROW(writer.finish(), Error);  // images missing
    EXPECT_THROW(writer.add(std::vector<uint8_t>(5)), Error);
  }
  EXPECT_EQ(Reader(path_).sha256(), sha256);  // the earlier one
  Writer writer(path_, header);
  for (int64_t i = 0; i < 3; ++i) writer.add(samples::noise_image(header, i));
  EXPECT_THROW(writer.add(samples::noise_image(header, 0)), Error);
}

// The format as file.h describes it, written by hand: 5.4 GB of black images, a hole that takes no disk.
TEST_F(PackFile, ReadsPacksBeyondFourGigabytes) {
  Header header = samples::classify_header(1800);
  header.height = header.width = 1000;
  std::string text = to_text(header), table;
  Sha256 black;
  black.update(std::string(3'000'000, '\0'));
  const std::string digest = black.bytes();
  for (int64_t i = 0; i < header.count(); ++i) table += digest;
  Sha256 identity;
  identity.update(text + table);
  std::string bytes = std::string("qpack\r\n\x1a") + std::string("\1\0\0\0\0\0\0\0", 8);
  for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(text.size() >> shift & 255);
  bytes += identity.bytes() + std::string(8, '\0');
  text.resize((text.size() + 63) / 64 * 64);
  table.resize((table.size() + 63) / 64 * 64);
  write_file(path_, bytes + text + table);
  fs::resize_file(path_, bytes.size() + text.size() + table.size() + 1800u * 3'000'000ull);
  const Reader reader(path_);
  EXPECT_TRUE(reader.header() == header);
  EXPECT_EQ(std::ranges::count(reader.read(1799, 1).values<uint8_t>(), 0), 3'000'000);
  fs::resize_file(path_, fs::file_size(path_) - (uint64_t{1} << 32));
  expect_error(ErrorKind::data, {"truncated?"}, [&] { Reader{path_}; });
}

TEST_F(PackFile, TruncatedOrTooLong) {
  samples::write_noise(path_, samples::detect_header(4));
  const std::string whole = read_file(path_);
  for (size_t size = 0; size < whole.size(); size += size < 3000 ? 1 : 997) {
    samples::put(path_, whole.substr(0, size));
    expect_broken({path_.string()});
  }
  samples::put(path_, whole.substr(0, whole.size() - 1));
  expect_broken({"truncated?"});
  write_file(path_, whole + "x");
  expect_broken({"bytes", "got"});
}

TEST_F(PackFile, DamagedOrOfAnotherKind) {
  const Header header = samples::classify_header(5);
  samples::write_noise(path_, header);
  const std::string whole = read_file(path_);
  const auto damaged = [&](size_t offset, char value, std::initializer_list<std::string> parts) {
    std::string bytes = whole;
    bytes[offset] = value;
    samples::put(path_, bytes);
    expect_broken(parts);
  };
  damaged(0, 'Q', {"a sample pack"});
  damaged(8, 2, {"version 1", "got 2"});
  damaged(12, 1, {"zeros"});
  damaged(63, 1, {"zeros"});
  damaged(22, 1, {"header of at most"});
  damaged(30, static_cast<char>(whole[30] ^ 1), {"SHA-256"});
  const size_t label = whole.find("\"labels\":[") + 10;
  damaged(label, whole[label] == '0' ? '1' : '0', {"SHA-256"});
  const size_t image_2 = whole.size() - 3 * static_cast<size_t>(header.image_bytes()) + 1;
  damaged(image_2, static_cast<char>(whole[image_2] ^ 64), {"image 2 as it was packed"});
  EXPECT_NO_THROW(Reader(path_).read(3, 2));  // the others are whole
  write_file(path_, "");
  expect_broken({"a sample pack"});
}

TEST_F(PackFile, MissingFileOrFolder) {
  expect_error(ErrorKind::io, {"nowhere.qpack"}, [&] { Reader(folder_.path() / "nowhere.qpack"); });
  expect_error(ErrorKind::io, {"folder"}, [&] { Reader reader{folder_.path()}; });
  write_file(folder_.path() / "file", "");
  expect_error(ErrorKind::io, {"file"}, [&] { Writer(folder_.path() / "file/b", samples::classify_header(1)); });
}

TEST_F(PackFile, HeadersThatCannotBe) {
  const auto refused = [&](const Header& header, std::initializer_list<std::string> parts) {
    SCOPED_TRACE(*(parts.end() - 1));
    expect_error(ErrorKind::data, parts, [&] { Writer(path_, header); });
    EXPECT_FALSE(fs::exists(path_));
  };
  const Header good = samples::detect_header(6);
  const auto with = [&](auto change) {
    Header header = good;
    change(header);
    return header;
  };
  refused(with([](Header& h) { h.task = "segment"; }), {"classify, detect", "segment"});
  refused(with([](Header& h) { h.images.clear(); }), {"at least one image"});
  refused(with([](Header& h) { h.classes.clear(); }), {"class names"});
  refused(with([](Header& h) { h.width = 0; }), {"sides in"});
  refused(with([](Header& h) { h.height = 70000; }), {"sides in"});
  refused(with([](Header& h) { h.images[1].letterbox.gain = 0; }), {"image 1", "letterbox"});
  refused(with([](Header& h) { h.images[1].letterbox.left += 64; }), {"image 1", "letterbox"});
  refused(with([](Header& h) { h.images[2].letterbox.image_width = 0; }), {"image 2", "letterbox"});
  const Object object{.box = {1, 1, 4, 4}, .label = 1, .crowd = false, .area = 9};
  refused(with([&](Header& h) {
            h.images[0].objects = {object};
            h.images[0].objects[0].label = 2;
          }),
          {"image 0", "labels below 2"});
  refused(with([&](Header& h) {
            h.images[0].objects = {object};
            h.images[0].objects[0].box.x1 = std::numeric_limits<double>::quiet_NaN();
          }),
          {"image 0", "finite"});
  Header labels = samples::classify_header(2);
  labels.labels[1] = 3;
  refused(labels, {"labels in [0,2]", "3 of image 1"});
}

}  // namespace
}  // namespace quench::pack
