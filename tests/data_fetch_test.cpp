#include <zlib.h>

#include <cstring>
#include <memory>

#include "core/rng.h"
#include "data/sets/fetch.h"
#include "data/sets/tar.h"
#include "data_http_server.h"
#include "data_testing.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;
using quench::testing::expect_error;
using quench::testing::HttpServer;
using quench::testing::TemporaryFolder;

std::string noise(size_t bytes) {
  Rng rng(1, "test");
  std::string out(bytes, '\0');
  for (char& c : out) c = static_cast<char>(rng.below(256));
  return out;
}

std::string md5(const std::string& content) {
  TemporaryFolder folder;
  write_file(folder.path() / "x", content);
  return md5_file(folder.path() / "x");
}

TEST(Md5, KnownAnswers) {  // RFC 1321, A.5
  EXPECT_EQ(md5(""), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(md5("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
}

class Download : public ::testing::Test {
 protected:
  RemoteFile remote() const { return {server_->url(), "file.bin", md5(content_)}; }
  void get() { download(remote(), target_, log_); }

  const std::string content_ = noise(3'000'000);
  TemporaryFolder folder_;
  const fs::path target_ = folder_.path() / "below" / "file.bin";
  const fs::path part_ = target_.string() + ".part";
  std::unique_ptr<HttpServer> server_ =
      std::make_unique<HttpServer>(std::map<std::string, std::string>{{"file.bin", content_}});
  std::vector<std::string> messages_;
  LogSink log_{[this](LogLevel, std::string_view text) { messages_.emplace_back(text); }, {}};
};

TEST_F(Download, Whole) {
  get();
  EXPECT_EQ(read_file(target_), content_);
  EXPECT_FALSE(fs::exists(part_));
}

TEST_F(Download, ContinuesAfterADroppedConnection) {
  server_->drop_after = 1'000'000;
  expect_error(ErrorKind::io, {"127.0.0.1", "file.bin", part_.string()}, [&] { get(); });
  ASSERT_EQ(fs::file_size(part_), 1'000'000);
  EXPECT_FALSE(fs::exists(target_));
  server_->drop_after = 500'000;
  expect_error(ErrorKind::io, {"127.0.0.1"}, [&] { get(); });
  get();
  EXPECT_EQ(read_file(target_), content_);
  EXPECT_EQ(server_->offsets(), (std::vector<int64_t>{0, 1'000'000, 1'500'000}));
}

TEST_F(Download, ServerWithoutRanges) {
  server_->drop_after = 1'000'000;
  expect_error(ErrorKind::io, {"127.0.0.1"}, [&] { get(); });
  server_->ranges = false;
  get();
  EXPECT_EQ(read_file(target_), content_);
}

TEST_F(Download, AWholePartNeedsNoBytes) {
  write_file(part_, content_);
  get();
  EXPECT_EQ(read_file(target_), content_);
}

TEST_F(Download, APartOfSomethingElseIsGivenUp) {
  for (size_t bytes : {size_t{1000}, content_.size(), content_.size() + 5}) {
    write_file(part_, std::string(bytes, 'x'));
    get();
    EXPECT_EQ(read_file(target_), content_) << bytes;
    fs::remove(target_);
  }
}

TEST_F(Download, WrongChecksum) {
  RemoteFile other = remote();
  other.md5 = std::string(32, '0');
  expect_error(ErrorKind::data, {other.md5, md5(content_), "file.bin"}, [&] { download(other, target_, log_); });
  EXPECT_FALSE(fs::exists(target_));
  EXPECT_FALSE(fs::exists(part_));
}

TEST_F(Download, OfflineNamesTheHost) {
  const RemoteFile file = remote();
  server_.reset();  // nobody listens there now
  expect_error(ErrorKind::io, {"127.0.0.1", "connect"}, [&] { download(file, target_, log_); });
  RemoteFile nowhere = file;
  nowhere.url = "http://no-such-host.invalid/";
  expect_error(ErrorKind::io, {"no-such-host.invalid"}, [&] { download(nowhere, target_, log_); });
}

TEST_F(Download, MissingFileAndCancel) {
  RemoteFile other = remote();
  other.name = "other.bin";
  expect_error(ErrorKind::io, {"404"}, [&] { download(other, target_, log_); });
  EXPECT_EQ(fs::file_size(target_.string() + ".part"), 0) << "an error page is not content";
  CancelToken cancel;
  cancel.cancel();
  expect_error(ErrorKind::cancelled, {}, [&] { download(remote(), target_, log_, &cancel); });
}

TEST_F(Download, UnwritableFolder) {
  write_file(folder_.path() / "below", "a file");
  expect_error(ErrorKind::io, {(folder_.path() / "below").string()}, [&] { get(); });
}

// ---- archives

void put(std::string& header, size_t at, const std::string& text) { header.replace(at, text.size(), text); }

std::string entry(const std::string& name, const std::string& content, char type = '0') {
  std::string header(512, '\0');
  put(header, 0, name);
  put(header, 100, "0000644");
  char octal[12];
  std::snprintf(octal, sizeof octal, "%011zo", content.size());
  put(header, 124, octal);
  header[156] = type;
  put(header, 257, std::string("ustar\0", 6) + "00");
  put(header, 148, "        ");
  unsigned sum = 0;
  for (unsigned char c : header) sum += c;
  std::snprintf(octal, sizeof octal, "%06o", sum);
  put(header, 148, std::string(octal) + '\0');
  return header + content + std::string((512 - content.size() % 512) % 512, '\0');
}

std::string gzip(const std::string& bytes) {
  TemporaryFolder folder;
  const fs::path path = folder.path() / "x";
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
  return read_file(path);
}

const std::string kEnd(1024, '\0');

TEST(Tar, ReadsWhatTheSystemsTarWrites) {
  TemporaryFolder folder;
  const std::string content = noise(100'000);
  write_file(folder.path() / "in/set/a.bin", content);
  write_file(folder.path() / "in/set/empty", "");
  write_file(folder.path() / "in/set/block", std::string(512, 'b'));
  const std::string command = "tar --format=ustar -C '" + (folder.path() / "in").string() + "' -czf '" +
                              (folder.path() / "x.tar.gz").string() + "' set";
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(unpack_tar_gz(folder.path() / "x.tar.gz", folder.path() / "out").size(), 3);
  EXPECT_EQ(read_file(folder.path() / "out/set/a.bin"), content);
  EXPECT_EQ(read_file(folder.path() / "out/set/empty"), "");
  EXPECT_EQ(read_file(folder.path() / "out/set/block"), std::string(512, 'b'));
}

TEST(Tar, RefusesNamesThatLeaveTheFolderAndLinks) {
  TemporaryFolder folder;
  const fs::path archive = folder.path() / "x.tar.gz";
  for (const char* name : {"../evil", "/tmp/quench-evil", "a/../../evil", "..", "set/../../evil"}) {
    write_file(archive, gzip(entry(name, "x") + kEnd));
    expect_error(ErrorKind::data, {name, archive.string()}, [&] { unpack_tar_gz(archive, folder.path() / "out"); });
  }
  EXPECT_FALSE(fs::exists(folder.path() / "evil"));
  for (char type : {'1', '2', 'x', 'L'}) {
    write_file(archive, gzip(entry("link", "", type) + kEnd));
    expect_error(ErrorKind::data, {"link"}, [&] { unpack_tar_gz(archive, folder.path() / "out"); });
  }
}

TEST(Tar, DamagedArchives) {
  TemporaryFolder folder;
  const fs::path archive = folder.path() / "x.tar.gz";
  const std::string good = entry("a", noise(5000)) + kEnd;
  const std::string packed = gzip(good);
  for (size_t size = 1; size < packed.size() - 20; size += 397) {
    write_file(archive, packed.substr(0, size));
    expect_error(ErrorKind::data, {archive.string()}, [&] { unpack_tar_gz(archive, folder.path() / "out"); });
  }
  std::string flipped = good;
  flipped[130] = '7';
  write_file(archive, gzip(flipped));
  expect_error(ErrorKind::data, {"checksum"}, [&] { unpack_tar_gz(archive, folder.path() / "out"); });
  Rng rng(2, "fuzz");
  for (int round = 0; round < 100; ++round) {  // any outcome but a crash or another exception
    std::string bytes = good;
    for (int i = 0; i < 3; ++i) bytes[rng.below(600)] = static_cast<char>(rng.below(256));
    write_file(archive, gzip(bytes));
    try {
      unpack_tar_gz(archive, folder.path() / "out");
    } catch (const Error&) {
    }
  }
}

// ---- whole sets

TEST(Fetch, ArchiveFromAFileAddress) {
  TemporaryFolder mirror, root;
  const std::string packed = gzip(entry("set/", "", '5') + entry("set/train.bin", "abc") + kEnd);
  write_file(mirror.path() / "set.tar.gz", packed);
  const RemoteSet set{"set", "set", {"train.bin"}, {{"http://no-such-host.invalid/", "set.tar.gz", md5(packed)}}};
  const std::string base = "file://" + mirror.path().string();
  EXPECT_EQ(fetch(set, root.path(), {}, nullptr, base), root.path() / "set");
  EXPECT_EQ(read_file(root.path() / "set/train.bin"), "abc");
  EXPECT_FALSE(fs::exists(root.path() / "set.tar.gz"));
  fs::remove(mirror.path() / "set.tar.gz");
  fetch(set, root.path(), {}, nullptr, base);  // it is there: nothing is asked for
  fs::remove(root.path() / "set/train.bin");
  expect_error(ErrorKind::io, {"set.tar.gz"}, [&] { fetch(set, root.path(), {}, nullptr, base); });
}

TEST(Fetch, PlainFilesGoOnWhereTheyStopped) {
  const std::string a = noise(100'000), b = noise(200'000);
  HttpServer server({{"a.gz", a}, {"b.gz", b}});
  TemporaryFolder root;
  const RemoteSet set{"set", "set", {"a.gz", "b.gz"}, {{server.url(), "a.gz", md5(a)}, {server.url(), "b.gz", md5(b)}}};
  write_file(root.path() / "set/b.gz.part", b.substr(0, 50'000));
  fetch(set, root.path(), {});
  EXPECT_EQ(read_file(root.path() / "set/a.gz"), a);
  EXPECT_EQ(read_file(root.path() / "set/b.gz"), b);
  EXPECT_EQ(server.offsets(), (std::vector<int64_t>{0, 50'000}));
}

TEST(Fetch, IncompleteArchive) {
  TemporaryFolder mirror, root;
  const std::string packed = gzip(entry("set/other.bin", "abc") + kEnd);
  write_file(mirror.path() / "set.tar.gz", packed);
  const RemoteSet set{"set", "set", {"train.bin"}, {{"", "set.tar.gz", md5(packed)}}};
  expect_error(ErrorKind::data, {"set/train.bin"},
               [&] { fetch(set, root.path(), {}, nullptr, "file://" + mirror.path().string()); });
}

TEST(Fetch, BuiltInNames) {
  TemporaryFolder root;
  expect_error(ErrorKind::config, {"cifar1000", "did you mean 'cifar100'"},
               [&] { fetch("cifar1000", root.path(), {}); });
  expect_error(ErrorKind::config, {"shapes", "built in"}, [&] { fetch("shapes", root.path(), {}); });
  for (const char* name : {"cifar10", "cifar100", "fashion-mnist"}) {
    expect_error(ErrorKind::io, {"mirror.invalid"},
                 [&] { fetch(name, root.path(), {}, nullptr, "http://mirror.invalid"); });
  }
}

}  // namespace
}  // namespace quench::data
