#include <zip.h>

#include <algorithm>

#include "core/rng.h"
#include "data_testing.h"
#include "fetch/fetch.h"
#include "fetch/unzip.h"

namespace quench::fetch {
namespace {

namespace fs = std::filesystem;
using quench::testing::expect_error;
using quench::testing::TemporaryFolder;

struct ZipEntry {
  std::string name;
  std::string content;
  bool stored = false;
  uint32_t unix_mode = 0;
};

/// Writes an archive by libzip itself.
void write_zip(const fs::path& path, const std::vector<ZipEntry>& entries) {
  int code = 0;
  zip_t* zip = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  ASSERT_NE(zip, nullptr);
  for (const ZipEntry& entry : entries) {
    zip_source_t* source = zip_source_buffer(zip, entry.content.data(), entry.content.size(), 0);
    const zip_int64_t index = entry.name.ends_with('/')
                                  ? zip_dir_add(zip, entry.name.c_str(), ZIP_FL_ENC_GUESS)
                                  : zip_file_add(zip, entry.name.c_str(), source, ZIP_FL_ENC_GUESS);
    ASSERT_GE(index, 0) << zip_strerror(zip);
    if (entry.stored) zip_set_file_compression(zip, index, ZIP_CM_STORE, 0);
    if (entry.unix_mode) zip_file_set_external_attributes(zip, index, 0, ZIP_OPSYS_UNIX, entry.unix_mode << 16);
  }
  ASSERT_EQ(zip_close(zip), 0) << zip_strerror(zip);
}

class Unzip : public ::testing::Test {
 protected:
  int64_t unpack(const std::vector<std::string>& entries = {}) { return unzip(archive_, out_, entries, {}); }
  /// Files below the test's folder, the archive left out.
  std::vector<std::string> files() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder_.path())) {
      if (entry.path() != archive_ && !entry.is_directory()) {
        found.push_back(fs::relative(entry.path(), folder_.path()).string());
      }
    }
    std::ranges::sort(found);
    return found;
  }

  TemporaryFolder folder_;
  const fs::path archive_ = folder_.path() / "x.zip", out_ = folder_.path() / "out";
};

TEST_F(Unzip, FilesFoldersAndWhatIsWanted) {
  write_zip(archive_, {{"set/", ""},
                       {"set/images/a.jpg", std::string(200'000, 'a')},
                       {"set/b.txt", "b", true},
                       {"set/empty", ""},
                       {"other/c.txt", "c"},
                       {"__MACOSX/set/._a.jpg", "x"}});
  EXPECT_EQ(unpack(), 4);
  EXPECT_EQ(read_file(out_ / "set/images/a.jpg"), std::string(200'000, 'a'));
  EXPECT_EQ(read_file(out_ / "set/b.txt"), "b");
  EXPECT_EQ(read_file(out_ / "set/empty"), "");
  fs::remove_all(out_);
  EXPECT_EQ(unpack({"set/b", "other/"}), 2);
  EXPECT_EQ(files(), (std::vector<std::string>{"out/other/c.txt", "out/set/b.txt"}));
}

// "Zip slip": nothing is written, also of what stands before the bad entry.
TEST_F(Unzip, RefusesNamesThatLeaveTheFolder) {
  for (const char* name : {"../evil", "/tmp/quench-evil", "a/../../evil", "..", "a/..", "..\\evil", "a\\b"}) {
    write_zip(archive_, {{"good", "g"}, {name, "x"}});
    expect_error(ErrorKind::data, {"inside the archive's folder", archive_.string()}, [&] { unpack(); });
    expect_error(ErrorKind::data, {"inside the archive's folder"}, [&] { unpack({"good"}); });
    EXPECT_EQ(files(), std::vector<std::string>{}) << name;
  }
}

TEST_F(Unzip, RefusesLinksAndDevices) {
  for (uint32_t mode : {0120777u, 0020666u, 0010644u}) {  // a symbolic link, a device, a pipe
    write_zip(archive_, {{"good", "g"}, {"link", "/etc", true, mode}});
    expect_error(ErrorKind::data, {"link"}, [&] { unpack(); });
    EXPECT_EQ(files(), std::vector<std::string>{});
  }
  write_zip(archive_, {{"plain", "p", true, 0100644u}});
  EXPECT_EQ(unpack(), 1);
}

TEST_F(Unzip, RefusesWhatGrowsTooMuch) {
  write_zip(archive_, {{"bomb", std::string(size_t{90} << 20, '\0')}});  // deflate makes a thousandth of it
  expect_error(ErrorKind::data, {"at most 200 times", "bomb"}, [&] { unpack(); });
  std::vector<ZipEntry> many;
  for (int i = 0; i < 9; ++i) many.push_back({fmt::format("part{}", i), std::string(size_t{10} << 20, '\0')});
  write_zip(archive_, many);  // none of them alone is too large
  expect_error(ErrorKind::data, {"at most 200 times"}, [&] { unpack(); });
  EXPECT_EQ(files(), std::vector<std::string>{});
}

/// The bytes of the archive with one text in it replaced by one as long.
void replace_in(const fs::path& archive, const std::string& from, const std::string& to, bool all = true) {
  std::string bytes = read_file(archive);
  for (size_t at = 0; (at = bytes.find(from, at)) != std::string::npos; at += to.size()) {
    bytes.replace(at, from.size(), to);
    if (!all) break;
  }
  write_file(archive, bytes);
}

TEST_F(Unzip, DamagedContentAndDoubleNames) {
  write_zip(archive_, {{"name", "the content of it", true}});
  replace_in(archive_, "the content of it", "the c0ntent of it");
  expect_error(ErrorKind::data, {"name", "CRC"}, [&] { unpack(); });
  EXPECT_EQ(files(), std::vector<std::string>{}) << "a half file was left";
  write_zip(archive_, {{"aaaa", "1"}, {"bbbb", "2"}});
  replace_in(archive_, "bbbb", "aaaa");
  expect_error(ErrorKind::data, {"twice"}, [&] { unpack(); });
  write_zip(archive_, {{"aaaaa", "1"}, {"bbbbb", "2"}});
  replace_in(archive_, "bbbbb", "./aaa");
  replace_in(archive_, "aaaaa", "./aaa");
  expect_error(ErrorKind::data, {"twice"}, [&] { unpack(); });
}

TEST_F(Unzip, NoArchiveACutOneAndNoise) {
  write_file(archive_, "<html>");
  expect_error(ErrorKind::data, {"zip archive", archive_.string()}, [&] { unpack(); });
  Rng rng(3, "fuzz");
  std::string content(3000, '\0');
  for (char& c : content) c = static_cast<char>(rng.below(256));
  write_zip(archive_, {{"a", content}, {"b/c", std::string(3000, 'y')}});
  const std::string good = read_file(archive_);
  for (size_t size = 0; size < good.size() - 30; size += 211) {
    write_file(archive_, good.substr(0, size));
    expect_error(ErrorKind::data, {archive_.string()}, [&] { unpack(); });
  }
  for (int round = 0; round < 300; ++round) {  // any outcome but a crash, another exception, or a file outside
    std::string bytes = good;
    for (int i = 0; i < 4; ++i) bytes[bytes.size() - 1 - rng.below(400)] = static_cast<char>(rng.below(256));
    write_file(archive_, bytes);
    try {
      unpack();
    } catch (const Error&) {
    }
  }
  for (const std::string& file : files()) EXPECT_TRUE(file.starts_with("out/")) << file;
}

// The layout that `--data coco128` reads, from an archive as Ultralytics packs it.
TEST_F(Unzip, Coco128BecomesAFolderOfData) {
  write_zip(folder_.path() / "coco128.zip", {{"coco128/", ""},
                                             {"coco128/LICENSE", "l"},
                                             {"coco128/images/train2017/000000000009.jpg", "jpeg"},
                                             {"coco128/labels/train2017/000000000009.txt", "45 0.5 0.5 0.9 0.9\n"}});
  const sources::Source& coco128 = require_source("coco128", sources::Kind::data);
  EXPECT_EQ(fetch(coco128, out_, {folder_.path().string(), {}, nullptr}), out_ / "coco128");
  EXPECT_NE(read_file(out_ / "coco128/data.yaml").find("toothbrush"), std::string::npos);
  EXPECT_TRUE(fs::exists(out_ / "coco128/images/train2017/000000000009.jpg"));
  EXPECT_TRUE(fs::exists(out_ / "coco128/labels/train2017/000000000009.txt"));
  EXPECT_TRUE(fs::exists(out_ / "coco128.zip.sha256")) << "its checksum is not published";
  EXPECT_FALSE(fs::exists(out_ / "coco128.zip"));
  EXPECT_TRUE(fs::exists(folder_.path() / "coco128.zip")) << "the mirror's own file";
}

}  // namespace
}  // namespace quench::fetch
