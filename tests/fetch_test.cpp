#include "fetch/fetch.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>

#include "core/hash.h"
#include "core/rng.h"
#include "data_testing.h"
#include "fetch/checksum.h"
#include "fetch/tar.h"
#include "fetch_http_server.h"

namespace quench::fetch {
namespace {

namespace fs = std::filesystem;
using quench::testing::expect_error;
using quench::testing::HttpServer;
using quench::testing::TemporaryFolder;
using sources::File;
using sources::Kind;
using sources::Source;

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

class Obtain : public ::testing::Test {
 protected:
  File remote() const { return {server_->url(), "file.bin", 0, sha256_hex(content_), ""}; }
  File unknown() const { return {server_->url(), "file.bin", 0, "", ""}; }
  Options options() const { return {"", log_, nullptr}; }
  void get() { obtain(remote(), target_, options()); }
  bool told(const std::string& text) const {
    return std::ranges::any_of(messages_,
                               [&](const std::string& line) { return line.find(text) != std::string::npos; });
  }

  const std::string content_ = noise(3'000'000);
  TemporaryFolder folder_;
  const fs::path target_ = folder_.path() / "below" / "file.bin";
  const fs::path part_ = target_.string() + ".part";
  const fs::path wrong_ = part_.string() + ".wrong";
  std::unique_ptr<HttpServer> server_ =
      std::make_unique<HttpServer>(std::map<std::string, std::string>{{"file.bin", content_}});
  std::vector<std::string> messages_;
  LogSink log_{[this](LogLevel, std::string_view text) { messages_.emplace_back(text); }, {}};
};

TEST_F(Obtain, Whole) {
  get();
  EXPECT_EQ(read_file(target_), content_);
  EXPECT_EQ(std::distance(fs::directory_iterator(target_.parent_path()), {}), 1) << "something was left beside it";
  get();  // as it should be: nothing is asked for
  EXPECT_EQ(server_->offsets().size(), 1);
}

TEST_F(Obtain, ContinuesAfterADroppedConnection) {
  server_->drop_after = 1'000'000;
  expect_error(ErrorKind::io, {"127.0.0.1", server_->url() + "file.bin", part_.string(), "By hand", target_.string()},
               [&] { get(); });
  ASSERT_EQ(fs::file_size(part_), 1'000'000);
  EXPECT_FALSE(fs::exists(target_));
  server_->drop_after = 500'000;
  expect_error(ErrorKind::io, {"127.0.0.1"}, [&] { get(); });
  get();
  EXPECT_EQ(read_file(target_), content_);
  EXPECT_EQ(server_->offsets(), (std::vector<int64_t>{0, 1'000'000, 1'500'000}));
}

TEST_F(Obtain, ServerWithoutRanges) {
  server_->drop_after = 1'000'000;
  expect_error(ErrorKind::io, {"127.0.0.1"}, [&] { get(); });
  server_->ranges = false;
  get();
  EXPECT_EQ(read_file(target_), content_);
  EXPECT_FALSE(fs::exists(wrong_));
}

TEST_F(Obtain, AWholePartNeedsNoBytes) {
  fs::create_directories(part_.parent_path());
  write_file(part_, content_);
  get();
  EXPECT_EQ(read_file(target_), content_);
}

TEST_F(Obtain, APartOfSomethingElseIsKeptUnderAnotherName) {
  int round = 0;
  for (size_t bytes : {size_t{1000}, content_.size(), content_.size() + 5}) {
    const std::string other(bytes, 'x');
    write_file(part_, other);
    messages_.clear();
    get();
    EXPECT_EQ(read_file(target_), content_) << bytes;
    const fs::path kept = round == 0 ? wrong_ : fs::path(fmt::format("{}-{}", wrong_.string(), round + 1));
    ++round;
    EXPECT_TRUE(read_file(kept).starts_with(other)) << kept;
    EXPECT_TRUE(told(kept.string())) << bytes;
    fs::remove(target_);
  }
}

// Without a checksum, only the server can tell that the file is another one now.
TEST_F(Obtain, APartOfAnOlderVersionIsNotContinued) {
  server_->drop_after = 1'000'000;
  expect_error(ErrorKind::io, {"127.0.0.1"}, [&] { obtain(unknown(), target_, options()); });
  const std::string newer(2'000'000, 'n');
  server_->replace("file.bin", newer);
  obtain(unknown(), target_, options());
  EXPECT_EQ(read_file(target_), newer);
  EXPECT_EQ(server_->offsets(), (std::vector<int64_t>{0, 1'000'000}));
}

TEST_F(Obtain, ARangeThatWasNotAskedForIsNotAppended) {
  server_->drop_after = 1'000'000;
  expect_error(ErrorKind::io, {"127.0.0.1"}, [&] { obtain(unknown(), target_, options()); });
  server_->wrong_range = true;
  obtain(unknown(), target_, options());
  EXPECT_EQ(read_file(target_), content_);
  EXPECT_EQ(server_->offsets(), (std::vector<int64_t>{0, 1'000'000, 0}));
}

TEST_F(Obtain, WrongChecksumKeepsWhatCame) {
  File other = remote();
  other.sha256 = std::string(64, '0');
  expect_error(ErrorKind::data, {other.sha256, sha256_hex(content_), "file.bin", wrong_.string()},
               [&] { obtain(other, target_, options()); });
  EXPECT_FALSE(fs::exists(target_));
  EXPECT_FALSE(fs::exists(part_));
  EXPECT_EQ(read_file(wrong_), content_);
  other = {server_->url(), "file.bin", 0, "", std::string(32, '0')};
  expect_error(ErrorKind::data, {other.md5, md5(content_), wrong_.string() + "-2"},
               [&] { obtain(other, target_, options()); });
}

TEST_F(Obtain, AFileOfAnotherChecksumIsReplacedByTheRightOneAndKept) {
  write_file(target_, "mine");
  server_->drop_after = 1000;
  expect_error(ErrorKind::io, {}, [&] { get(); });
  EXPECT_EQ(read_file(target_), "mine") << "taken away before there was another";
  get();
  EXPECT_EQ(read_file(target_), content_);
  EXPECT_EQ(read_file(target_.string() + ".wrong"), "mine");
  EXPECT_TRUE(told(target_.string() + ".wrong"));
}

TEST_F(Obtain, FollowsRedirectsButNotInCircles) {
  server_->redirect("moved/file.bin", server_->url() + "file.bin");
  File moved = remote();
  moved.folder += "moved/";
  obtain(moved, target_, options());
  EXPECT_EQ(read_file(target_), content_);
  server_->redirect("round/file.bin", server_->url() + "round/file.bin");
  moved.folder = server_->url() + "round/";
  expect_error(ErrorKind::io, {"redirect"}, [&] { obtain(moved, folder_.path() / "other", options()); });
  server_->redirect("here/file.bin", "file:///etc/hostname");
  moved.folder = server_->url() + "here/";
  expect_error(ErrorKind::io, {"file"}, [&] { obtain(moved, folder_.path() / "other", options()); });
}

TEST_F(Obtain, OfflineNamesTheHostTheAddressAndThePlace) {
  const File file = remote();
  server_.reset();  // nobody listens there now
  expect_error(ErrorKind::io, {"127.0.0.1", file.address(), "connect", target_.string()},
               [&] { obtain(file, target_, options()); });
  File nowhere = file;
  nowhere.folder = "http://no-such-host.invalid/";
  expect_error(ErrorKind::io, {"no-such-host.invalid", "By hand: put the file at " + target_.string()},
               [&] { obtain(nowhere, target_, options()); });
}

TEST_F(Obtain, MissingFileAndCancel) {
  File other = remote();
  other.name = "other.bin";
  expect_error(ErrorKind::io, {"404"}, [&] { obtain(other, target_, options()); });
  EXPECT_EQ(fs::file_size(target_.string() + ".part"), 0) << "an error page is not content";
  CancelToken cancel;
  cancel.cancel();
  Options cancelled = options();
  cancelled.cancel = &cancel;
  expect_error(ErrorKind::cancelled, {}, [&] { obtain(remote(), target_, cancelled); });
}

TEST_F(Obtain, UnwritableFolder) {
  write_file(folder_.path() / "below", "a file");
  expect_error(ErrorKind::io, {(folder_.path() / "below").string()}, [&] { get(); });
}

TEST_F(Obtain, Mirrors) {
  File file = remote();
  file.folder = "http://no-such-host.invalid/";
  TemporaryFolder mirror;
  write_file(mirror.path() / "file.bin", content_);
  for (const std::string& from : {mirror.path().string(), "file://" + mirror.path().string(), server_->url()}) {
    Options options = this->options();
    options.from = from;
    obtain(file, target_, options);
    EXPECT_EQ(read_file(target_), content_) << from;
    fs::remove(target_);
  }
  Options options = this->options();
  options.from = (folder_.path() / "nothing").string();
  expect_error(ErrorKind::config, {"folder or an address", options.from}, [&] { obtain(file, target_, options); });
  options.from = "ftp://mirror/";
  expect_error(ErrorKind::config, {"https://", options.from}, [&] { obtain(file, target_, options); });
  options.from = folder_.path().string();
  expect_error(ErrorKind::io, {(folder_.path() / "file.bin").string(), "no such file"},
               [&] { obtain(file, target_, options); });
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

/// A source of one kind whose files are `files`, on a server that is not there.
Source source_of(Kind kind, std::vector<std::string> contents, std::vector<File> files) {
  return {"set", kind, "Under a licence.", "set", std::move(contents), std::move(files)};
}

TEST(Fetch, ArchiveFromAFolder) {
  TemporaryFolder mirror, root;
  const std::string packed = gzip(entry("set/", "", '5') + entry("set/train.bin", "abc") + kEnd);
  write_file(mirror.path() / "set.tar.gz", packed);
  const Source set =
      source_of(Kind::data, {"train.bin"}, {{"http://no-such-host.invalid/", "set.tar.gz", 0, "", md5(packed)}});
  std::vector<std::string> messages;
  const LogSink log{[&](LogLevel, std::string_view text) { messages.emplace_back(text); }, {}};
  const Options options{mirror.path().string(), log, nullptr};
  EXPECT_EQ(fetch(set, root.path(), options), root.path() / "set");
  EXPECT_EQ(messages.at(0), "Under a licence.") << "the licence is said first";
  EXPECT_EQ(read_file(root.path() / "set/train.bin"), "abc");
  EXPECT_FALSE(fs::exists(root.path() / "set.tar.gz"));
  fs::remove(mirror.path() / "set.tar.gz");
  fetch(set, root.path(), options);  // it is there: nothing is asked for
  fs::remove(root.path() / "set/train.bin");
  expect_error(ErrorKind::io, {"set.tar.gz"}, [&] { fetch(set, root.path(), options); });
}

TEST(Fetch, PlainFilesGoOnWhereTheyStopped) {
  const std::string a = noise(100'000), b = noise(200'000);
  HttpServer server({{"a.gz", a}, {"b.gz", b}});
  TemporaryFolder root;
  const Source set = source_of(Kind::data, {"a.gz", "b.gz"},
                               {{server.url(), "a.gz", 0, "", md5(a)}, {server.url(), "b.gz", 0, "", md5(b)}});
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
  const Source set = source_of(Kind::data, {"train.bin"}, {{"", "set.tar.gz", 0, "", md5(packed)}});
  expect_error(ErrorKind::data, {"set/train.bin"}, [&] {
    fetch(set, root.path(), {mirror.path().string(), {}, nullptr});
  });
}

// Of several archives, one that is unpacked is not downloaded again where the next one fails.
TEST(Fetch, GoesOnBehindAnArchiveThatIsUnpacked) {
  const std::string a = gzip(entry("a.bin", "a") + kEnd), b = gzip(entry("b.bin", "b") + kEnd);
  HttpServer server({{"a.tar.gz", a}});
  TemporaryFolder root;
  const Source set = source_of(Kind::data, {"a.bin", "b.bin"},
                               {{server.url(), "a.tar.gz", 0, "", md5(a), {"a.bin"}, "set"},
                                {server.url(), "b.tar.gz", 0, "", md5(b), {"b.bin"}, "set"}});
  expect_error(ErrorKind::io, {"b.tar.gz", "404"}, [&] { fetch(set, root.path(), {}); });
  server.replace("b.tar.gz", b);
  fetch(set, root.path(), {});
  EXPECT_EQ(read_file(root.path() / "set/b.bin"), "b");
  EXPECT_EQ(server.offsets().size(), 2) << "a.tar.gz twice";
}

TEST(Fetch, WithoutAKnownChecksumTheFirstOneIsKept) {
  HttpServer server({{"w.pt", std::string("PK first")}});
  TemporaryFolder root;
  const Source weights = source_of(Kind::weights, {"w.pt"}, {{server.url(), "w.pt", 0, "", ""}});
  std::vector<std::string> messages;
  const LogSink log{[&](LogLevel, std::string_view text) { messages.emplace_back(text); }, {}};
  const fs::path file = root.path() / "set/w.pt", kept = file.string() + ".sha256";
  fetch(weights, root.path(), {"", log, nullptr});
  EXPECT_EQ(read_file(kept), sha256_hex("PK first") + "  w.pt\n");
  EXPECT_TRUE(std::ranges::any_of(messages, [&](const std::string& line) {
    return line.find("no checksum of w.pt is known") != std::string::npos &&
           line.find(kept.string()) != std::string::npos;
  }));
  fs::remove(file);
  server.replace("w.pt", "PK second");
  expect_error(ErrorKind::data, {sha256_hex("PK first"), sha256_hex("PK second"), kept.string()},
               [&] { fetch(weights, root.path(), {}); });
  server.replace("w.pt", "PK first");
  fetch(weights, root.path(), {});
  write_file(file, "PK changed");  // what is there is looked at, and stays
  messages.clear();
  fetch(weights, root.path(), {"", log, nullptr});
  EXPECT_NE(messages.back().find("is not the file that is published"), std::string::npos) << messages.back();
  EXPECT_EQ(read_file(file), "PK changed");
}

TEST(Fetch, APageInPlaceOfAFileIsNotTaken) {
  HttpServer server({{"w.pt", std::string("<!DOCTYPE html><html>log in</html>")}});
  TemporaryFolder root;
  const Source weights = source_of(Kind::weights, {"w.pt"}, {{server.url(), "w.pt", 0, "", ""}});
  expect_error(ErrorKind::data, {"HTML"}, [&] { fetch(weights, root.path(), {}); });
  EXPECT_FALSE(fs::exists(root.path() / "set/w.pt"));
  EXPECT_FALSE(fs::exists(root.path() / "set/w.pt.sha256"));
}

TEST(Fetch, Names) {
  TemporaryFolder root;
  expect_error(ErrorKind::config, {"cifar1000", "did you mean 'cifar100'"},
               [&] { require_source("cifar1000", Kind::data); });
  expect_error(ErrorKind::config, {"shapes", "built in"}, [&] { require_source("shapes", Kind::data); });
  expect_error(ErrorKind::config, {"a data set", "quench data fetch coco128"},
               [&] { require_source("coco128", Kind::weights); });
  expect_error(ErrorKind::config, {"a model", "quench fetch yolov8n"}, [&] { require_source("yolov8n", Kind::data); });
  expect_error(ErrorKind::config, {"did you mean 'yolov8n"}, [&] { require_source("yolo8n", Kind::weights); });
  EXPECT_EQ(require_source("yolov8n.pt", Kind::weights).name, "yolov8n");
  EXPECT_EQ(require_source("cifar100-scenes", Kind::data).name, "cifar100");
  for (const Source& source : sources::table()) {
    expect_error(ErrorKind::io, {"mirror.invalid", source.files.front().name, root.path().string()}, [&] {
      fetch(source, root.path(), {"http://mirror.invalid", {}, nullptr});
    });
  }
}

// The table holds what can be right.
TEST(Sources, EveryRowIsWhole) {
  std::map<std::string, int> names;
  const auto is_hex = [](const std::string& text, size_t digits) {
    return text.empty() || (text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string::npos);
  };
  for (const Source& source : sources::table()) {
    EXPECT_EQ(++names[source.name], 1) << source.name;
    EXPECT_TRUE(source.licence.ends_with('.')) << source.name;
    EXPECT_FALSE(source.contents.empty()) << source.name;
    for (const File& file : source.files) {
      EXPECT_TRUE(file.folder.starts_with("http") && file.folder.ends_with('/')) << file.folder;
      EXPECT_TRUE(is_hex(file.sha256, 64) && is_hex(file.md5, 32)) << file.name;
    }
  }
  for (const char* family : {"yolov5", "yolov8"}) {
    for (const char* size : {"n", "s", "m", "l", "x"}) {
      for (const char* task : {"", "-cls"}) EXPECT_TRUE(names.contains(fmt::format("{}{}{}", family, size, task)));
    }
  }
}

}  // namespace
}  // namespace quench::fetch
