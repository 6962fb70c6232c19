// Lists of pictures that are kept between starts: they say what the files say, of whatever kind the set is, and are
// made again where anything changed or is damaged.
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <mutex>
#include <thread>

#include "core/json.h"
#include "core/rng.h"
#include "data/index/listing.h"
#include "data/index/mapped_file.h"
#include "data/sets/open.h"
#include "data_detection_testing.h"
#include "data_testing.h"
#include "opens_testing.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;
using quench::testing::expect_error;
using quench::testing::TemporaryFolder;
using quench::testing::write_image;

/// Waits until files that were written now are old enough to be remembered.
void let_settle() { std::this_thread::sleep_for(std::chrono::milliseconds(2100)); }

/// Writes over a file in place, of the same size, and puts its time back.
void write_over(const fs::path& file, const std::string& content) {
  ASSERT_EQ(fs::file_size(file), content.size());
  const auto time = fs::last_write_time(file);
  std::ofstream(file, std::ios::in | std::ios::binary) << content;
  fs::last_write_time(file, time);
}

/// All that a split says without its pixels, and its first picture.
std::string said_by(const Dataset& split) {
  std::string text = split.task() + "\n";
  for (const std::string& name : split.classes()) text += name + ";";
  for (const int64_t id : split.category_ids()) text += fmt::format("{};", id);
  for (int64_t i = 0; i < split.size(); ++i) {
    text += fmt::format("\n{} {}", split.file(i).string(), split.label(i));
    if (split.task() != "detect") continue;
    const ImageInfo info = split.image(i);
    text += fmt::format(" {} {} {} {}", info.id, info.name, info.height, info.width);
    for (const Object& object : split.objects(i)) {
      text += fmt::format(" [{} {} {} {} {} {} {}]", object.label, object.crowd, object.area, object.box.x1,
                          object.box.y1, object.box.x2, object.box.y2);
    }
  }
  for (const LabelIssue& issue : split.issues()) {
    text += fmt::format("\n{}:{} {} {}", issue.file, issue.line, issue.kind, issue.problem);
  }
  return text + fmt::format("\n{} {}\n", split.digest(), split.at(0).pixels.size());
}

std::string said_by(const Splits& splits) {
  std::string text = fmt::format("{} {}\n", splits.name, splits.same_images);
  for (const std::string& note : splits.notes) text += note + "\n";
  for (const auto& split : {splits.train, splits.test, splits.validation}) text += split ? said_by(*split) : "none\n";
  return text;
}

/// A set in a folder of its own, and a folder where its index is kept.
class Index : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "folders") write_folders();
    if (GetParam() == "coco") write_coco();
    if (GetParam() == "yolo") write_yolo();
  }

  void write_folders() const {
    for (const char* file : {"train/cat/b.png", "train/cat/a b.png", "train/cat/deep/c.png", "train/cat/deep.png",
                             "train/a'nt\"/\xc3\xa9.png", "train/a'nt\"/new\nline.png", "val/cat/x.png",
                             "val/a'nt\"/y.png", "test/cat/z.png"}) {
      write_image(set() / file, 8, 6, std::strlen(file));
    }
    write_file(set() / "train/cat/moving.gif", "GIF89a");
  }
  void write_coco() const {
    Json file{{"images", Json::array()},
              {"annotations", Json::array()},
              {"categories", {{{"id", 7}, {"name", "seven"}}, {{"id", 2}, {"name", "two"}}}}};
    for (int i = 0; i < 5; ++i) {
      const std::string name = fmt::format("{}.png", i);
      if (i < 4) write_image(set() / "images" / name, 20 + i, 10, static_cast<uint64_t>(i));
      file["images"].push_back({{"id", 100 + i}, {"file_name", name}, {"height", 10}, {"width", i == 1 ? 99 : 20 + i}});
    }
    for (int i = 0; i < 9; ++i) {  // in no order of the images
      file["annotations"].push_back({{"id", i},
                                     {"image_id", 100 + i * 7 % 5},
                                     {"category_id", i % 2 ? 7 : 2},
                                     {"bbox", {i, 1, 5, 0.1 + i}},
                                     {"iscrowd", i == 4},
                                     {"area", 1.5 * i}});
    }
    write_file(set() / "instances_train.json", file.dump());
    file["images"].erase(0);
    write_file(set() / "instances_val.json", file.dump());
  }
  void write_yolo() const {
    for (const char* split : {"train", "val"}) {
      for (int i = 0; i < 4; ++i) {
        write_image(set() / fmt::format("images/{}/{}{}.png", split, split[0], i), 20 + i, 10,
                    static_cast<uint64_t>(i));
        if (i == 2) continue;
        write_file(set() / fmt::format("labels/{}/{}{}.txt", split, split[0], i),
                   fmt::format("{} 0.5 0.5 0.25 0.{}\nnonsense\n", i % 2, i + 1));
      }
    }
    write_file(set() / "labels/train/orphan.txt", "0 0.5 0.5 0.5 0.5\n");
    write_file(set() / "classes.txt", "one\ntwo\n");
  }

  fs::path set() const { return folder_.path() / "set"; }
  fs::path root() const { return folder_.path() / "root"; }
  std::string source() const { return (GetParam() == "coco" ? set() / "instances_train.json" : set()).string(); }
  Opening opening() {
    Opening out;
    out.index_from = 1;
    out.log.message = [this](LogLevel level, std::string_view text) {
      const std::lock_guard lock(mutex_);
      log_ += fmt::format("{}: {}\n", level == LogLevel::warning ? "warning" : "info", text);
    };
    return out;
  }
  Splits now() { return open(source(), root(), opening()); }
  /// What is said without any memory.
  std::string plain() { return said_by(open(source(), "")); }
  std::string log() { return std::exchange(log_, ""); }
  std::vector<fs::path> kept(const std::string& extension) const {
    std::vector<fs::path> out;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(root() / "indexes", ignored)) {
      if (entry.path().extension() == extension) out.push_back(entry.path());
    }
    return out;
  }

  TemporaryFolder folder_;
  std::mutex mutex_;
  std::string log_;
};

TEST_P(Index, SaysWhatTheFilesSay) {
  const std::string expected = plain();
  EXPECT_EQ(said_by(now()), expected);
  EXPECT_TRUE(kept(".index").empty()) << "too new to be kept";
  EXPECT_NE(log().find("not kept: its files changed just now"), std::string::npos);
  let_settle();
  EXPECT_EQ(said_by(open(source(), root())), expected) << "of a small set nothing is kept";
  EXPECT_TRUE(kept(".index").empty());
  EXPECT_EQ(said_by(now()), expected);
  ASSERT_EQ(kept(".index").size(), 1u);
  EXPECT_FALSE(kept(".sha256").empty());
  EXPECT_NE(log().find("the next start takes them from"), std::string::npos);
  Opens opens;
  if (!opens.watch(set())) GTEST_SKIP() << "needs inotify watches (fs.inotify.max_user_watches)";
  const Splits again = now();
  EXPECT_NE(log().find("from the index of an earlier start"), std::string::npos);
  again.train->digest();
  again.test->digest();
  const auto opened = opens.take();
  EXPECT_TRUE(opened.empty() || (opened.size() == 1 && opened.contains("classes.txt")))
      << "neither pictures nor labels are read: " << opened.begin()->first;
  EXPECT_EQ(said_by(again), expected);
  Opening anew = opening();
  anew.anew = true;
  EXPECT_EQ(said_by(open(source(), root(), anew)), expected);
  EXPECT_NE(log().find("the next start takes them from"), std::string::npos) << "listed again, as was asked";
}

TEST_P(Index, EveryChangeIsNoticed) {
  let_settle();
  said_by(now());
  ASSERT_EQ(kept(".index").size(), 1u);
  log();
  const auto noticed = [&](const char* what) {
    EXPECT_EQ(said_by(now()), plain()) << what;
    EXPECT_NE(log().find("has changed: the pictures are listed again"), std::string::npos) << what;
    fs::remove_all(root() / "indexes");  // as if there was time between the changes
    let_settle();
    now();
    EXPECT_EQ(kept(".index").size(), 1u) << what;
    log();
  };
  if (GetParam() == "folders") {
    write_image(set() / "train/cat/deep/more.png", 8, 6, 1);
    noticed("a picture more, in a folder below a class");
    fs::rename(set() / "val/cat", set() / "val/cat2");
    fs::rename(set() / "train/cat", set() / "train/cat2");
    fs::rename(set() / "test/cat", set() / "test/cat2");
    noticed("a class of another name");
    const std::string digest = now().train->digest(), other = quench::testing::encoded_image(".png", 8, 6, 99);
    const fs::path file = set() / "train/cat2/b.png";
    std::string bytes = read_file(file);
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    write_over(file, bytes);
    EXPECT_NE(now().train->digest(), digest) << "path, size and time are as before, the content is not";
  }
  if (GetParam() == "coco") {
    write_image(set() / "images/4.png", 24, 10, 5);
    noticed("a picture that was missing");
    write_image(set() / "images/2.png", 33, 10, 5);
    noticed("a picture of another size");
    std::string text = read_file(set() / "instances_val.json");
    text.replace(text.find("seven"), 5, "eight");
    write_over(set() / "instances_val.json", text);
    EXPECT_ANY_THROW(now()) << "categories of one split alone";
  }
  if (GetParam() == "yolo") {
    write_over(set() / "labels/train/t1.txt", "1 0.5 0.5 0.50 0.2\nnonsense\n");
    noticed("a label file of the same size and time");
    write_file(set() / "labels/val/v2.txt", "1 0.5 0.5 0.25 0.2\n");
    noticed("a label file that was not there");
    fs::remove(set() / "images/val/v1.png");
    noticed("a picture less");
  }
}

TEST_P(Index, DamageIsMadeGood) {
  let_settle();
  const std::string expected = said_by(now());
  ASSERT_EQ(kept(".index").size(), 1u);
  const fs::path index = kept(".index").front(), digests = kept(".sha256").front();
  const std::string whole = read_file(index), table = read_file(digests);
  log();
  for (const size_t at : {size_t{0}, size_t{30}, whole.size() / 2}) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 4);
    write_file(index, bytes);
    EXPECT_EQ(said_by(now()), expected) << at;
    const bool other_version = at < 24;
    EXPECT_EQ(log().find("damaged and is made again") != std::string::npos, !other_version) << at;
    EXPECT_EQ(read_file(index), whole) << "made again";
  }
  for (const size_t size : {size_t{0}, size_t{39}, whole.size() - 1}) {
    write_file(index, whole.substr(0, size));
    write_file(digests, table.substr(0, std::min(size, table.size() - 1)));
    EXPECT_EQ(said_by(now()), expected) << size;
    EXPECT_EQ(read_file(index), whole);
    EXPECT_EQ(read_file(digests), table);
  }
  // Bytes that are wrong under a checksum that is right lead nowhere outside.
  Rng rng(1, "index");
  for (int i = 0; i < 150; ++i) {
    std::string payload = whole.substr(sizeof(KeptHeader));
    for (int flips = 0; flips < 3; ++flips) {
      const size_t at = static_cast<size_t>(rng.below(payload.size()));
      payload[at] = static_cast<char>(payload[at] ^ (1 << rng.below(8)));
    }
    const KeptHeader header = header_of("quench index 1", payload);
    quench::testing::write_quickly(index, std::string(reinterpret_cast<const char*>(&header), sizeof header) + payload);
    try {
      const Splits splits = now();
      for (int64_t k = 0; k < splits.train->size(); ++k) {
        splits.train->file(k);
        if (splits.train->task() == "detect") splits.train->objects(k);
      }
      splits.train->issues();
    } catch (const Error&) {
    }
  }
}

TEST_P(Index, WhereNothingCanBeKeptItWorksAsBefore) {
  write_file(root(), "a file, where a folder would be made");
  let_settle();
  EXPECT_EQ(said_by(now()), plain());
  EXPECT_NE(log().find("is not kept: "), std::string::npos);
  fs::remove(root());
  Opening looking = opening();
  looking.may_make_root = false;
  EXPECT_EQ(said_by(open(source(), root(), looking)), plain());
  EXPECT_FALSE(fs::exists(root()));
}

TEST_P(Index, WhoStopsLeavesNothing) {
  let_settle();
  CancelToken token;
  token.cancel();
  Opening stopped = opening();
  stopped.cancel = &token;
  expect_error(ErrorKind::cancelled, {}, [&] { open(source(), root(), stopped); });
  EXPECT_TRUE(kept(".index").empty());
}

INSTANTIATE_TEST_SUITE_P(Kinds, Index, ::testing::Values("folders", "coco", "yolo"),
                         [](const auto& info) { return info.param; });

// What was read before a stop is not read again.
TEST(Contents, AreReadOnceEvenWhereTheyWereStopped) {
  const TemporaryFolder folder;
  for (int i = 0; i < 20; ++i) {
    write_image(folder.path() / fmt::format("set/{}/c/{}.png", i < 18 ? "train" : "test", i), 4, 4);
  }
  let_settle();
  Opening opening;
  opening.index_from = 1;
  const auto digest_now = [&] {
    return open((folder.path() / "set").string(), folder.path() / "root", opening).train->digest();
  };
  // The last file cannot be read: all others are remembered.
  const fs::path last = folder.path() / "set/train/c/9.png", away = folder.path() / "away.png";
  const Splits splits = open((folder.path() / "set").string(), folder.path() / "root", opening);
  fs::rename(last, away);
  expect_error(ErrorKind::io, {"9.png"}, [&] { splits.train->digest(); });
  fs::rename(away, last);
  let_settle();
  Opens opens;
  if (!opens.watch(folder.path() / "set")) GTEST_SKIP() << "needs inotify watches (fs.inotify.max_user_watches)";
  digest_now();
  auto opened = opens.take();
  EXPECT_EQ(opened.size(), 1u) << opened.begin()->first;
  digest_now();
  EXPECT_TRUE(opens.take().empty());
}

TEST(Listing, IsInTheOrderOfPaths) {
  const TemporaryFolder folder;
  Rng rng(3, "names");
  std::vector<fs::path> paths;
  for (int i = 0; i < 200; ++i) {
    std::string name;
    const int parts = 1 + static_cast<int>(rng.below(3));
    for (int part = 0; part < parts; ++part) {
      if (part > 0) name += '/';
      for (int letter = 1 + static_cast<int>(rng.below(3)); letter > 0; --letter) {
        name += std::string_view("ab-.\xff 0")[rng.below(7)];
      }
      name += part + 1 < parts ? "d" : "f";  // never both a file and a folder
    }
    if (name.starts_with('.') || name.find("/.") != name.npos) continue;
    quench::testing::write_quickly((fs::create_directories((folder.path() / name).parent_path()), folder.path() / name),
                                   "");
    paths.emplace_back(name);
  }
  std::ranges::sort(paths);
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  std::vector<std::string> names;
  for (const fs::path& path : paths) names.push_back(path.string());
  EXPECT_EQ(list_below(folder.path()).files, names);
}

}  // namespace
}  // namespace quench::data
