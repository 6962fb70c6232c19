// Archives of studies: what is changed is seen, and what is not gives the same figures again.

#include <gtest/gtest.h>
#include <zip.h>

#include <algorithm>

#include "core/file.h"
#include "core/hash.h"
#include "error_testing.h"
#include "record/rounds.h"
#include "study/archive.h"
#include "study/verify.h"
#include "study_testing.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class StudyArchive : public StudyTest {
 protected:
  void SetUp() override {
    StudyTest::SetUp();
    static const fs::path made = fs::temp_directory_path() / fmt::format("quench-archived-{}", ::getpid());
    if (!fs::exists(made)) {  // trained once for all tests here
      run(tiny("[fp32, {method: ptq, observer: minmax}]"), context());
      fs::copy(folder_, made, fs::copy_options::recursive);
    } else {
      fs::copy(made, folder_, fs::copy_options::recursive);
    }
    write_archive(folder_, file(), "test", log_);
  }
  static void TearDownTestSuite() {
    fs::remove_all(fs::temp_directory_path() / fmt::format("quench-archived-{}", ::getpid()));
  }
  fs::path file() const { return folder_ / "archive.qstudy"; }

  /// The archive with another content of an entry; empty: without the entry. As someone would do it by hand.
  fs::path with(const std::string& name, const std::optional<std::string>& content) {
    const fs::path changed = folder_ / "changed.qstudy";
    fs::remove(changed);
    fs::copy_file(file(), changed);
    int code = 0;
    zip_t* archive = zip_open(changed.c_str(), 0, &code);
    EXPECT_NE(archive, nullptr);
    const zip_int64_t index = zip_name_locate(archive, name.c_str(), 0);
    if (!content) {
      EXPECT_EQ(zip_delete(archive, static_cast<zip_uint64_t>(index)), 0);
    } else {
      zip_source_t* source = zip_source_buffer(archive, content->data(), content->size(), 0);
      EXPECT_GE(index < 0 ? zip_file_add(archive, name.c_str(), source, 0)
                          : zip_file_replace(archive, static_cast<zip_uint64_t>(index), source, 0),
                0);
    }
    EXPECT_EQ(zip_close(archive), 0);
    return changed;
  }
  std::vector<VerifiedRow> verified(const fs::path& path, bool latency = false) {
    VerifyOptions options;
    options.data_root = "/nonexistent";
    options.latency = latency;
    options.registry = &registry_;
    return verify(Archive(path), options, log_, cancel_);
  }
};

TEST_F(StudyArchive, UntouchedItPassesAndGivesTheSameFigures) {
  const Archive archive(file());
  EXPECT_TRUE(archive.file_faults().empty()) << archive.file_faults().front();
  ASSERT_EQ(archive.records().size(), 2u);
  EXPECT_EQ(archive.manifest().at("study"), "tiny");
  const std::vector<VerifiedRow> rows = verified(file(), true);
  ASSERT_EQ(rows.size(), 2u);
  for (const VerifiedRow& row : rows) {
    EXPECT_EQ(row.fault, "") << row.cell;
    EXPECT_EQ(row.note, "") << row.cell;
    ASSERT_TRUE(row.accuracy_now);
    EXPECT_EQ(*row.accuracy_now, *row.accuracy_then);
    ASSERT_TRUE(row.latency_now);
    EXPECT_GT(*row.latency_now, 0);
  }
}

TEST_F(StudyArchive, HasTheRoundsOfTimings) {
  const Archive archive(file());
  const std::vector<record::Record> records = archive.records();
  ASSERT_TRUE(records[0].timing_id.has_value());
  EXPECT_EQ(records[0].timing_id, records[1].timing_id);
  const std::string path = record::rounds_path(*records[0].timing_id);
  EXPECT_EQ(archive.content(path), read_file(folder_ / path));
  const record::Rounds rounds = record::read_rounds(*records[0].timing_id, folder_);
  ASSERT_EQ(rounds.size(), 2u);
  for (const record::Record& record : records) {
    std::vector<int64_t> medians = rounds.at(*record.cell);
    ASSERT_FALSE(medians.empty());
    std::ranges::sort(medians);
    EXPECT_LE(medians.front(), *record.latency_p50_ns) << "the median of all lies among those of the rounds";
    EXPECT_GE(medians.back(), *record.latency_p50_ns);
  }
  const Archive changed(with(path, read_file(folder_ / path) + " "));
  ASSERT_EQ(changed.file_faults().size(), 1u);
  EXPECT_TRUE(holds(changed.file_faults()[0], path)) << changed.file_faults()[0];
}

TEST_F(StudyArchive, AChangedModelRecordOrOutcomeIsFound) {
  const Archive whole(file());
  const std::string model = *whole.records()[1].artifact;
  std::string bytes = whole.content(model);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  const auto faults = [](const fs::path& path) { return Archive(path).file_faults(); };
  std::vector<std::string> found = faults(with(model, bytes));
  ASSERT_EQ(found.size(), 2u) << "as a file, and as the model of its record";
  EXPECT_TRUE(holds(found[0], model + " is not as it was written")) << found[0];
  EXPECT_TRUE(holds(found[1], "is not the one that was measured")) << found[1];

  std::string lines = whole.content("records.jsonl");
  const size_t at = lines.find("\"top1\":0.");
  ASSERT_NE(at, std::string::npos);
  lines[at + 9] = lines[at + 9] == '9' ? '8' : '9';
  found = faults(with("records.jsonl", lines));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(holds(found[0], "records.jsonl is not as it was written"));

  const std::string outcomes = *whole.records()[0].outcomes;
  EXPECT_TRUE(holds(faults(with(outcomes, std::nullopt)).at(0), outcomes + " is missing"));
  EXPECT_TRUE(holds(faults(with("more.txt", "more")).at(0), "more.txt is not in the manifest"));
}

// The manifest can be made to fit by hand; the model's hash in the record, and the accuracy, cannot.
TEST_F(StudyArchive, ARecordThatIsChangedWithItsManifestGivesAnotherAccuracy) {
  const Archive whole(file());
  std::string lines = whole.content("records.jsonl");
  const size_t at = lines.find("\"top1\":0.");
  lines[at + 9] = lines[at + 9] == '9' ? '8' : '9';
  const std::string manifest = [&] {
    Json json = whole.manifest();
    for (Json& entry : json["files"]) {
      if (entry["path"] == "records.jsonl") entry["sha256"] = sha256_hex(lines);
    }
    return json.dump();
  }();
  const fs::path once = with("records.jsonl", lines);
  fs::rename(once, file());
  const fs::path path = with("manifest.json", manifest);
  EXPECT_TRUE(Archive(path).file_faults().empty());
  const std::vector<VerifiedRow> rows = verified(path);
  EXPECT_EQ(std::ranges::count_if(rows, [](const VerifiedRow& row) { return row.fault == "another accuracy"; }), 1);
}

// The second row of a data set that is not there is told as the first one is.
TEST_F(StudyArchive, DataThatIsNotHereIsSaidOfEachRow) {
  std::string lines = Archive(file()).content("records.jsonl");
  const std::string data = "\"data\":{\"data\":\"shapes\"";
  for (size_t at = lines.find(data); at != std::string::npos; at = lines.find(data, at + 1)) {
    lines.replace(at, data.size(), "\"data\":{\"data\":\"absent\"");
  }
  const std::vector<VerifiedRow> rows = verified(with("records.jsonl", lines));
  ASSERT_EQ(rows.size(), 2u);
  for (const VerifiedRow& row : rows) EXPECT_TRUE(holds(row.fault, "absent")) << row.fault;
}

TEST_F(StudyArchive, ValuesOfOtherTypesAreFaults) {
  const Archive whole(file());
  std::string lines = whole.content("records.jsonl");
  for (const auto& [from, to] :
       {std::pair<std::string, std::string>{"\"data\":{\"data\":\"shapes\"", "\"data\":7,\"was\":{\"data\":\"x\""},
        {"\"bench\":{\"min_samples\":", "\"bench\":{\"more\":\"x\",\"min_samples\":"}}) {
    std::string changed = lines;
    const size_t at = changed.find(from, changed.find("\"config\""));
    ASSERT_NE(at, std::string::npos) << from;
    changed.replace(at, from.size(), to);
    const std::vector<VerifiedRow> rows = verified(with("records.jsonl", changed));
    EXPECT_EQ(rows.at(0).note, "it does not tell its settings");
    EXPECT_EQ(rows.at(1).note, "");
  }
  const size_t limit = lines.find("\"test_limit\":");
  ASSERT_NE(limit, std::string::npos);
  std::string changed = lines;
  changed.replace(limit, 13, "\"test_limit\":{},\"was\":");
  EXPECT_TRUE(holds(verified(with("records.jsonl", changed)).at(0).fault, "another type"));
  for (const char* entry : {"7", "{\"path\":7,\"sha256\":[]}"}) {
    Json manifest = whole.manifest();
    manifest["files"][0] = Json::parse(entry);
    EXPECT_FALSE(Archive(with("manifest.json", manifest.dump())).file_faults().empty()) << entry;
  }
  for (const char* text : {"{\"format\":7}", "{\"format\":\"quench study archive\",\"version\":\"1\"}"}) {
    EXPECT_EQ(error_of([&] { Archive(with("manifest.json", text)); }).first, ErrorKind::data) << text;
  }
}

TEST_F(StudyArchive, EveryByteThatADiskChangesIsFound) {
  const std::string bytes = read_file(file());
  int found = 0, tried = 0;
  for (size_t at = 7; at < bytes.size(); at += bytes.size() / 60, ++tried) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    const fs::path path = folder_ / "damaged.qstudy";
    write_file(path, changed);
    try {
      const Archive archive(path);
      // What zip itself notes of an entry (its time, its flags) may change without a trace; contents may not.
      const bool same = archive.file_faults().empty();
      if (!same) ++found;
      if (same) {
        for (const Json& entry : archive.manifest()["files"]) {
          EXPECT_EQ(sha256_hex(archive.content(entry["path"])), entry["sha256"]) << at;
        }
      }
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data) << error.what();
      ++found;
    }
  }
  EXPECT_GT(found, tried * 9 / 10);
}

TEST_F(StudyArchive, BadInputIsSaid) {
  EXPECT_EQ(error_of([&] { write_archive(folder_ / "nothing", folder_ / "a", "test", log_); }).first, ErrorKind::io);
  EXPECT_EQ(error_of([&] { Archive(folder_ / "nothing"); }).first, ErrorKind::io);
  write_file(folder_ / "text", "no archive");
  EXPECT_EQ(error_of([&] { Archive(folder_ / "text"); }).first, ErrorKind::data);
  const std::string half = read_file(file()).substr(0, fs::file_size(file()) / 2);
  write_file(folder_ / "half", half);
  EXPECT_EQ(error_of([&] { Archive(folder_ / "half"); }).first, ErrorKind::data);
  EXPECT_EQ(error_of([&] { Archive(with("manifest.json", "{}")); }).first, ErrorKind::data);
  EXPECT_EQ(error_of([&] { Archive(with("../outside", "x")); }).first, ErrorKind::data);
  // A model that is not its record's any more is not archived as if it were.
  const std::string model = *Archive(file()).records()[0].artifact;
  std::string bytes = read_file(folder_ / model);
  bytes[100] = static_cast<char>(bytes[100] ^ 1);
  fs::remove(folder_ / model);
  write_file(folder_ / model, bytes);
  const auto [kind, text] = error_of([&] { write_archive(folder_, folder_ / "b", "test", log_); });
  EXPECT_EQ(kind, ErrorKind::data);
  EXPECT_TRUE(holds(text, "is not the one that was measured")) << text;
  EXPECT_FALSE(fs::exists(folder_ / "b"));
  // A folder in place of the file is refused before a byte is written.
  write_file(folder_ / model, read_file(file()).empty() ? "" : Archive(file()).content(model));
  fs::create_directories(folder_ / "c/inside");
  const auto [why, told] = error_of([&] { write_archive(folder_, folder_ / "c", "test", log_); });
  EXPECT_EQ(why, ErrorKind::config);
  EXPECT_TRUE(holds(told, "got the folder")) << told;
  EXPECT_FALSE(fs::exists(folder_ / "c.part"));
}

}  // namespace
}  // namespace quench::study
