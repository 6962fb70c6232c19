#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <set>

#include "core/error.h"
#include "core/file.h"
#include "error_testing.h"
#include "record/rounds.h"
#include "record/store.h"

namespace quench::record {
namespace {

namespace fs = std::filesystem;

class Folder : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    path_ = fs::temp_directory_path() / fmt::format("quench-record-{}-{}", ::getpid(), info->name());
    fs::create_directories(path_);
  }
  void TearDown() override { fs::remove_all(path_); }
  fs::path path_;
};
using Store = Folder;

Record sample(const std::string& cell, double top1) {
  Record record;
  record.study = "demo";
  record.cell = cell;
  record.model = "yolov5n-cls";
  record.top1 = top1;
  record.params = 1342228;
  record.latency_p50_ns = 1'234'567;
  record.config = Json{{"epochs", 3}, {"observers", {"mse", "minmax"}}};
  return record;
}

std::string message_of(const std::function<void()>& call, ErrorKind kind) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "expected an Error";
  return "";
}

void expect_has(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST(Record, JsonHasEveryFieldInTableOrder) {
  const Json json = to_json(Record{});
  std::vector<std::string> keys, names;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  for (const Field& field : fields()) names.push_back(field.name);
  EXPECT_EQ(keys, names);
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["status"], "ok");
  EXPECT_TRUE(json["top1"].is_null());
}

// The members of the struct, counted from its header: a member that is missing in the table would not be saved.
TEST(Record, TableNamesEveryMemberOfTheStruct) {
  const std::string header = read_file(fs::path(QUENCH_SOURCE_DIR) / "src/record/record.h");
  const size_t start = header.find("struct Record {"), end = header.find("\n};", start);
  std::vector<std::string> members;
  std::istringstream lines(header.substr(start, end - start));
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    const size_t stop = line.find(';');
    if (stop == std::string::npos) continue;
    std::string declaration = line.substr(0, std::min(stop, line.find(" = ")));
    members.push_back(declaration.substr(declaration.rfind(' ') + 1));
  }
  std::vector<std::string> names;
  for (const Field& field : fields()) names.push_back(field.name);
  EXPECT_EQ(members, names);
}

TEST(Record, UnitsStandInTheNames) {
  for (const Field& field : fields()) {
    EXPECT_FALSE(field.title.empty()) << field.name;
    EXPECT_EQ(field.name.ends_with("_ns"), field.unit == "ns") << field.name;
    EXPECT_EQ(field.name.ends_with("_bytes"), field.unit == "bytes") << field.name;
    EXPECT_EQ(field.name.ends_with("_mw"), field.unit == "mW") << field.name;
    EXPECT_EQ(field.name.ends_with("_mj"), field.unit == "mJ") << field.name;
    EXPECT_EQ(field.name.ends_with("_mhz"), field.unit == "MHz") << field.name;
    EXPECT_EQ(field.name.ends_with("_c"), field.unit == "C") << field.name;
  }
}

TEST(Record, ReadsBackWhatItWrote) {
  // Every field filled by its type, so that none is lost or swapped with another.
  Json json = Json::object();
  int64_t n = 100;
  for (const Field& field : fields()) {
    ++n;
    switch (field.type) {
      case FieldType::text: json[field.name] = fmt::format("text {}", n); break;
      case FieldType::integer:
        json[field.name] = field.high < 1000 ? n % 64 : static_cast<int64_t>(field.high) - n;
        break;
      case FieldType::number: json[field.name] = 1.0 / static_cast<double>(n); break;
      case FieldType::boolean: json[field.name] = n % 2 == 0; break;
      case FieldType::object: json[field.name] = Json{{"n", n}}; break;
    }
  }
  json["schema"] = 1;
  json["status"] = "failed";
  json["latency_source"] = "forecast";
  EXPECT_EQ(to_json(from_json(json, "test")), json);
  EXPECT_EQ(to_json(from_json(to_json(Record{}), "test")), to_json(Record{}));
  json["latency_source"] = "predicted";  // the word of older records
  EXPECT_EQ(from_json(json, "test").latency_source, "forecast");
}

/// What is a fraction and no accuracy (agreement today) stays that of its own row.
TEST(Record, AccuraciesAloneAreCopied) {
  const std::set<std::string> accuracies{
      "top1",          "top1_low",       "top1_high", "top5",       "map_50", "map_75",    "map_95", "map_50_95",
      "map_50_95_low", "map_50_95_high", "map_small", "map_medium", "ar_1",   "map_large", "ar_10",  "ar_100"};
  Json from = Json::object(), to = Json::object();
  for (const Field& field : fields()) {
    EXPECT_EQ(field.is_accuracy, accuracies.contains(field.name)) << field.name;
    switch (field.type) {
      case FieldType::text: from[field.name] = "from", to[field.name] = "to"; break;
      case FieldType::integer: from[field.name] = 1, to[field.name] = 2; break;
      case FieldType::number: from[field.name] = 0.25, to[field.name] = 0.5; break;
      case FieldType::boolean: from[field.name] = true, to[field.name] = false; break;
      case FieldType::object: from[field.name] = Json{{"a", 1}}, to[field.name] = Json{{"b", 1}}; break;
    }
  }
  for (Json* json : {&from, &to}) {
    (*json)["schema"] = 1;
    (*json)["status"] = "ok";
    (*json)["latency_source"] = "measured";
  }
  from["ar_1"] = nullptr;  // an accuracy that is not there is copied too
  Record record = from_json(to, "to");
  copy_accuracies(record, from_json(from, "from"));
  const Json after = to_json(record);
  for (const Field& field : fields()) {
    const bool copied =
        accuracies.contains(field.name) || field.name == "samples" || field.name.starts_with("left_out");
    EXPECT_EQ(after[field.name], copied ? from[field.name] : to[field.name]) << field.name;
  }
}

TEST(Record, FractionsAreFractions) {
  const Json good = to_json(sample("cell", 0.5));
  for (const Field& field : fields()) {
    if (field.unit != "fraction") continue;
    for (const Json& value : {Json(-0.001), Json(1.5), Json(61.2), Json(-1), Json(1e300)}) {
      Json bad = good;
      bad[field.name] = value;
      const auto [kind, message] = error_of([&] { from_json(bad, "runs.jsonl:7"); });
      EXPECT_EQ(kind, ErrorKind::data);
      EXPECT_NE(message.find("runs.jsonl:7: expected a fraction in [0,1] for '" + field.name + "'"), std::string::npos)
          << message;
    }
    for (const Json& value : {Json(0), Json(1), Json(0.5), Json(1.0)}) {
      Json fine = good;
      fine[field.name] = value;
      EXPECT_NO_THROW(from_json(fine, "x"));
    }
  }
}

// Such numbers once stood in tables, and stretched the axes of charts over 300 powers of ten.
TEST(Record, NumbersThatCannotBeAreLeftOutAndTold) {
  const Json good = to_json(sample("cell", 0.5));
  int64_t seen = 0;
  for (const Field& field : fields()) {
    const bool number = field.type == FieldType::integer || field.type == FieldType::number;
    if (!number || field.unit == "fraction" || field.name == "schema") continue;
    ++seen;
    std::vector<Json> values{Json(field.low - 1000), Json(field.high * 10)};
    if (field.type == FieldType::number) values.emplace_back(1e300);
    for (Json value : values) {
      if (field.type == FieldType::integer) value = value.get<int64_t>();
      Json bad = good;
      bad[field.name] = value;
      const auto [kind, message] = error_of([&] { from_json(bad, "runs.jsonl:7"); });
      EXPECT_EQ(kind, ErrorKind::data) << field.name;
      EXPECT_NE(message.find("'" + field.name + "'"), std::string::npos) << message;
      std::vector<std::string> strange;
      const Json left = to_json(from_json(bad, "x", &strange));
      EXPECT_TRUE(left[field.name].is_null()) << field.name;
      Json rest = good;
      rest[field.name] = nullptr;
      EXPECT_EQ(left, rest) << "nothing else is";
      ASSERT_EQ(strange.size(), 1u) << field.name;
      EXPECT_NE(strange[0].find("'" + field.name + "'"), std::string::npos) << strange[0];
    }
  }
  EXPECT_GE(seen, 30);
}

TEST(Record, FillMissingKeepsWhatIsThere) {
  Record record = sample("cell", 0.5), from;
  from.cell = "other";
  from.top1 = 0.25;
  from.top5 = 0.75;
  from.host = "a board";
  from.throttled = true;
  from.status = "failed";
  from.config = Json{{"other", 1}};
  const Json before = to_json(record);
  fill_missing(record, from);
  EXPECT_EQ(record.cell, "cell");
  EXPECT_EQ(record.top1, 0.5);
  EXPECT_EQ(record.top5, 0.75);
  EXPECT_EQ(record.host, "a board");
  EXPECT_EQ(record.throttled, true);
  EXPECT_EQ(record.status, "ok");
  EXPECT_EQ(record.config, before["config"]);
  fill_missing(record, Record{});
  EXPECT_EQ(record.top5, 0.75);
}

TEST(Record, IgnoresUnknownKeysAndAcceptsMissingOnes) {
  const Record record = from_json(Json{{"schema", 1}, {"power_mw", 12}, {"top1", 1}}, "test");
  EXPECT_EQ(record.top1, 1.0);  // an integer is a number
  EXPECT_EQ(record.status, "ok");
  EXPECT_FALSE(record.model);
}

TEST(Record, RefusesWrongTypesAndSchemas) {
  const auto refuses = [](const Json& json) {
    const std::string message = message_of([&] { from_json(json, "runs.jsonl:3"); }, ErrorKind::data);
    expect_has(message, "runs.jsonl:3");
    return message;
  };
  expect_has(refuses(Json{{"schema", 2}}), "expected schema 1, got 2");
  expect_has(refuses(Json{{"model", "x"}}), "expected schema 1, got none");
  expect_has(refuses(Json{{"schema", "1"}}), "expected schema 1, got \"1\"");
  expect_has(refuses(Json::array()), "got array");
  expect_has(refuses(Json{{"schema", 1}, {"top1", "0.5"}}), "expected a number for 'top1', got \"0.5\"");
  expect_has(refuses(Json{{"schema", 1}, {"params", 1.5}}), "expected an integer for 'params'");
  expect_has(refuses(Json{{"schema", 1}, {"macs", UINT64_MAX}}), "expected an integer for 'macs'");
  expect_has(refuses(Json{{"schema", 1}, {"model", 7}}), "expected a text for 'model', got 7");
  expect_has(refuses(Json{{"schema", 1}, {"config", Json::array()}}), "expected an object for 'config'");
  expect_has(refuses(Json{{"schema", 1}, {"status", "fine"}}), "got 'fine'");
  expect_has(refuses(Json{{"schema", 1}, {"latency_source", "guessed"}}), "measured or forecast, got 'guessed'");
}

TEST_F(Store, LoadsWhatWasAppended) {
  const fs::path file = path_ / "deep" / "records.jsonl";
  append(file, sample("a", 0.25));
  append(file, sample("b", 1.0 / 3));
  const Loaded loaded = load(file);
  ASSERT_EQ(loaded.records.size(), 2u);
  EXPECT_TRUE(loaded.warnings.empty());
  EXPECT_EQ(to_json(loaded.records[0]), to_json(sample("a", 0.25)));
  EXPECT_EQ(loaded.records[1].top1, 1.0 / 3);  // doubles survive exactly
}

TEST_F(Store, BytesThatAreNotUtf8AndLineBreaksStayOneLine) {
  Record record = sample("a", std::numeric_limits<double>::quiet_NaN());
  record.reason = "line 1\nline 2 \xff";
  append(path_ / "r.jsonl", record);
  append(path_ / "r.jsonl", sample("b", 1));
  const Loaded loaded = load(path_ / "r.jsonl");
  ASSERT_EQ(loaded.records.size(), 2u);
  EXPECT_EQ(loaded.records[0].reason, "line 1\nline 2 \xEF\xBF\xBD");
  EXPECT_FALSE(loaded.records[0].top1);  // JSON has no NaN
}

TEST_F(Store, EveryTornLastLineIsSkippedAndTheNextAppendHeals) {
  const fs::path file = path_ / "r.jsonl";
  append(file, sample("a", 0.5));
  const std::string whole = read_file(file);
  append(file, sample("b", 0.5));
  const std::string both = read_file(file);
  for (size_t cut = whole.size() + 1; cut < both.size() - 1; cut += 7) {
    write_file(file, both.substr(0, cut));
    const Loaded torn = load(file);
    ASSERT_EQ(torn.records.size(), 1u) << cut;
    ASSERT_EQ(torn.warnings.size(), 1u) << cut;
    expect_has(torn.warnings[0], "line 2: torn, skipped");
    append(file, sample("c", 0.5));
    const Loaded healed = load(file);
    ASSERT_EQ(healed.records.size(), 2u) << cut;
    EXPECT_TRUE(healed.warnings.empty());
    EXPECT_EQ(healed.records[1].cell, "c");
  }
  // A line that lacks only its end is whole, and stays.
  write_file(file, both.substr(0, both.size() - 1));
  append(file, sample("c", 0.5));
  EXPECT_EQ(load(file).records.size(), 3u);
  // A file that is one torn line.
  write_file(file, whole.substr(0, 10));
  EXPECT_TRUE(load(file).records.empty());
  append(file, sample("c", 0.5));
  EXPECT_EQ(load(file).records.size(), 1u);
}

// One strange line once stopped the report and the study.
TEST_F(Store, AMalformedLineIsSkippedWithItsNumberAndStays) {
  const fs::path file = path_ / "r.jsonl";
  append(file, sample("a", 0.5));
  append_line(file, "{\"schema\": 1, ");
  append(file, sample("b", 0.5));
  append_line(file, "{\"schema\":9}");
  const std::string text = read_file(file);
  append(file, sample("c", 0.5));
  const Loaded loaded = load(file);
  ASSERT_EQ(loaded.records.size(), 3u);
  EXPECT_EQ(loaded.records[1].cell, "b");
  EXPECT_EQ(loaded.records[2].cell, "c");
  ASSERT_EQ(loaded.warnings.size(), 2u);
  expect_has(loaded.warnings[0], file.string() + ": line 2 is skipped");
  expect_has(loaded.warnings[1], file.string() + ": line 4 is skipped");
  EXPECT_TRUE(read_file(file).starts_with(text)) << "what is skipped stays";

  std::vector<std::string> told;
  tell_skipped(loaded, LogSink{[&](LogLevel, std::string_view line) { told.emplace_back(line); }, nullptr});
  EXPECT_EQ(told, loaded.warnings);
}

TEST_F(Store, MissingFileIsAnIoError) {
  expect_has(message_of([&] { load(path_ / "none.jsonl"); }, ErrorKind::io), "none.jsonl");
}

TEST_F(Store, FullDiskLeavesEarlierLinesUntouched) {
  const fs::path file = path_ / "r.jsonl";
  append(file, sample("a", 0.5));
  const std::string before = read_file(file);
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{static_cast<rlim_t>(before.size() + 100), old.rlim_max};  // room for a part of the line
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  const std::string message = message_of([&] { append(file, sample("b", 0.5)); }, ErrorKind::io);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, old_handler);
  expect_has(message, file.string());
  EXPECT_EQ(read_file(file), before);
  append(file, sample("b", 0.5));
  EXPECT_EQ(load(file).records.size(), 2u);
}

TEST_F(Store, AStrangeNumberIsToldWithItsLineAndTheRestOfTheRecordIsRead) {
  const fs::path file = path_ / "r.jsonl";
  append(file, sample("a", 0.5));
  Record strange = sample("b", 0.5);
  strange.latency_p50_ns = -5;
  strange.gflops = 1e300;
  append(file, strange);
  const Loaded loaded = load(file);
  ASSERT_EQ(loaded.records.size(), 2u);
  EXPECT_FALSE(loaded.records[1].latency_p50_ns || loaded.records[1].gflops);
  EXPECT_EQ(loaded.records[1].top1, 0.5);
  ASSERT_EQ(loaded.warnings.size(), 2u);
  for (const std::string& warning : loaded.warnings)
    expect_has(warning, file.string() + ": line 2: a value is left out");
}

// Rows that were timed together are none without each other: between two writes a kill once parted them.
TEST_F(Store, RecordsThatBelongTogetherAreWrittenTogetherOrNotAtAll) {
  const fs::path file = path_ / "r.jsonl";
  append(file, sample("a", 0.5));
  const std::string before = read_file(file);
  append(file, std::vector<Record>{});
  EXPECT_EQ(read_file(file), before);
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{static_cast<rlim_t>(2.5 * static_cast<double>(before.size())),
                     old.rlim_max};  // for one and a half
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  const std::vector<Record> both{sample("b", 0.5), sample("c", 0.5)};
  message_of([&] { append(file, both); }, ErrorKind::io);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_EQ(read_file(file), before);
  append(file, both);
  const Loaded loaded = load(file);
  ASSERT_EQ(loaded.records.size(), 3u);
  EXPECT_EQ(loaded.records[2].cell, "c");
  EXPECT_TRUE(loaded.warnings.empty());
}

TEST(Latest, KeepsTheNewestOfEachCellInOrderOfFirstAppearance) {
  Record loose;
  loose.model = "no cell";
  Record other = sample("a", 0.9);
  other.study = "another";
  const std::vector<Record> newest =
      latest({sample("a", 0.1), loose, sample("b", 0.2), other, sample("a", 0.3), loose});
  ASSERT_EQ(newest.size(), 5u);
  EXPECT_EQ(newest[0].top1, 0.3);
  EXPECT_EQ(newest[1].model, "no cell");
  EXPECT_EQ(newest[2].top1, 0.2);
  EXPECT_EQ(newest[3].top1, 0.9);
  EXPECT_EQ(newest[4].model, "no cell");
}

TEST_F(Folder, RoundsReadBackAsWritten) {
  const Rounds rounds{{"a/native/s0", {100, 110, 90}}, {"b/native/s0", {50, 60, 40}}};
  write_rounds(rounds, "0123456789ab", path_);
  EXPECT_TRUE(fs::exists(path_ / "timings/0123456789ab.json"));
  EXPECT_EQ(read_rounds("0123456789ab", path_), rounds);
}

TEST_F(Folder, RoundsThatCannotBeAreRefused) {
  const auto refused = [&](const std::string& text, ErrorKind kind = ErrorKind::data) {
    write_file(path_ / "timings/t.json", text);
    return message_of([&] { read_rounds("t", path_); }, kind);
  };
  expect_has(refused("{}"), "expected rounds_ns");
  expect_has(refused("[1]"), "expected rounds_ns");
  expect_has(refused(R"({"rounds_ns": {"a": ["1"]}})"), "expected rounds_ns");
  expect_has(refused(R"({"rounds_ns": {"a": [1, 0]}})"), "above 0");
  expect_has(refused(R"({"rounds_ns": {"a": [1, 2], "b": [1]}})"), "got others of b");
  refused("{");
  message_of([&] { read_rounds("gone", path_); }, ErrorKind::io);
  for (const char* id : {"", "../records", "a/b", "a b"}) {
    expect_has(message_of([&] { read_rounds(id, path_); }, ErrorKind::data), "letters and digits");
  }
}

}  // namespace
}  // namespace quench::record
