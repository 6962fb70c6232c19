// What `make install` installs: the programs run from there, and other programs build against it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <regex>
#include <sstream>

#include "library_testing.h"

namespace {

namespace fs = std::filesystem;
using library_testing::Outcome;

/// An installed tree, made once.
class Installed : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = fs::temp_directory_path() / ("quench-installed-" + std::to_string(::getpid()));
    fs::create_directories(folder_ / "work");
    made_ = library_testing::run("cmake --install " QUENCH_BINARY_DIR " --prefix " + (folder_ / "made").string());
    if (made_.code == 0) fs::rename(folder_ / "made", prefix());  // whatever has the first place in it would not work
    library_testing::write_models((folder_ / "work").string());
    pixels_ = library_testing::picture(50, 80, 1);
    library_testing::write_ppm((folder_ / "work/a.ppm").string(), pixels_, 50, 80);
  }
  static void TearDownTestSuite() { fs::remove_all(folder_); }
  void SetUp() override { ASSERT_EQ(made_.code, 0) << made_.out; }

  static fs::path prefix() { return folder_ / "usr"; }
  static std::string file(const std::string& name) { return (folder_ / "work" / name).string(); }
  /// Runs in the work folder; fails the test where the command does.
  static std::string run(const std::string& command) {
    const Outcome outcome = library_testing::run("cd " + (folder_ / "work").string() + " && " + command);
    EXPECT_EQ(outcome.code, 0) << command << "\n" << outcome.out;
    return outcome.out;
  }
  /// What the example says of the picture by both models, as lines.
  static std::string said(const std::string& example) {
    const std::string path = "LD_LIBRARY_PATH=" + (prefix() / "lib").string() + " ";
    return run(path + example + " detector-int8.onnx a.ppm") + run(path + example + " classifier-int8.onnx a.ppm");
  }

  inline static fs::path folder_;
  inline static Outcome made_;
  inline static std::vector<uint8_t> pixels_;
};

const std::string kExample = QUENCH_SOURCE_DIR "/examples/cpp";

TEST_F(Installed, TheProgramsFindWhatIsTheirs) {
  const std::string quench = (prefix() / "bin/quench").string();
  EXPECT_NE(run(quench + " devices list").find("jetson-nano"), std::string::npos);
  EXPECT_NE(run(quench + " info detector.onnx").find("parameters"), std::string::npos);
  EXPECT_NE(run((prefix() / "bin/quench-agent").string() + " info").find("runtimes"), std::string::npos);
#ifdef QUENCH_LAB
  run(quench + " data list");                                                         // libquench_data.so
  run(quench + " data show shapes --count 1 -o shown.png");                           // libquench_codec.so
  run(quench + " predict detector.onnx --source shown.png --save none 2>/dev/null");  // libquench_lab.so
#endif
}

TEST_F(Installed, TheExampleBuildsByFindPackage) {
  for (const char* target : {"quench::quench", "quench::static"}) {
    SCOPED_TRACE(target);
    const std::string example = std::string("by-cmake-") + (target + 8);
    fs::copy(kExample, file(example), fs::copy_options::recursive);
    const std::string list = library_testing::read(file(example + "/CMakeLists.txt"));
    library_testing::write(
        file(example + "/CMakeLists.txt"),
        std::regex_replace(list, std::regex("PRIVATE quench::quench"), std::string("PRIVATE ") + target));
    run("cmake -S " + example + " -B " + example + "/build -DCMAKE_PREFIX_PATH=" + prefix().string() +
        " >/dev/null && cmake --build " + example + "/build >/dev/null");
    EXPECT_NE(said(example + "/build/example").find("cup 0."), std::string::npos);
  }
}

TEST_F(Installed, TheExampleBuildsByPkgConfigAndSaysWhatPredictSays) {
  const std::string config = "PKG_CONFIG_PATH=" + (prefix() / "lib/pkgconfig").string() + " pkg-config ";
  EXPECT_EQ(run(config + "--modversion quench").rfind("0.1", 0), 0u);
  run("g++ -std=c++14 -Wall -Wextra -pedantic -Werror " + kExample + "/main.cpp -o by-pkg $(" + config +
      "--cflags --libs quench)");
  run("g++ -std=c++20 " + kExample + "/main.cpp -o by-pkg-static $(" + config + "--cflags quench) " +
      (prefix() / "lib/libquench.a").string() + " $(" + config + "--static --libs quench | sed s/-lquench//)");
  EXPECT_EQ(run("ldd by-pkg-static").find("libquench"), std::string::npos);
  const std::string lines = said("./by-pkg");
  EXPECT_EQ(said("./by-pkg-static"), lines);
#ifdef QUENCH_LAB
  library_testing::write_picture_file(file("a.png"), pixels_, 50, 80);
  std::vector<library_testing::Row> predicted;
  for (const char* model : {"detector-int8.onnx", "classifier-int8.onnx"}) {
    for (library_testing::Row& row :
         library_testing::predicted(run((prefix() / "bin/quench").string() + " predict " + model +
                                        " --runtime native --source a.png --save none --format jsonl 2>/dev/null"))) {
      predicted.push_back(row);
    }
  }
  std::vector<library_testing::Row> ours;
  std::istringstream words(lines);
  for (std::string line; std::getline(words, line);) {
    std::istringstream parts(line);
    std::string name;
    double score = 0, x1 = 0, y1 = 0, x2 = 0, y2 = 0;
    parts >> name >> score;
    const bool box = static_cast<bool>(parts >> x1 >> y1 >> x2 >> y2);
    ours.push_back(box ? library_testing::row(name, score, x1, y1, x2, y2) : library_testing::row(name, score));
  }
  ASSERT_EQ(ours.size(), predicted.size()) << lines;
  EXPECT_GT(ours.size(), 5u);
  for (size_t i = 0; i < ours.size(); ++i) {
    EXPECT_EQ(ours[i].name, predicted[i].name);
    EXPECT_NEAR(ours[i].score, predicted[i].score, 1.1e-5);  // both printed to 5 decimals
    ASSERT_EQ(ours[i].bbox.size(), predicted[i].bbox.size());
    for (size_t k = 0; k < ours[i].bbox.size(); ++k) EXPECT_NEAR(ours[i].bbox[k], predicted[i].bbox[k], 2.1e-3);
  }
#endif
}

// What the library is made of does not meet what a program is made of: templates and constants of the same headers.
TEST_F(Installed, TheStaticLibraryKeepsToItself) {
  library_testing::write(file("meets.cpp"), R"(
#include <fmt/format.h>
#include <quench/quench.h>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <tuple>
namespace quench { struct Error2 {}; Error2 fail(int) { return {}; } struct Tensor { Tensor(); int x; }; Tensor::Tensor() : x(7) {} }
int main() {
  std::map<std::string, int> map;
  map.emplace(std::piecewise_construct, std::forward_as_tuple("a"), std::forward_as_tuple(1));
  const auto shared = std::make_shared<quench::Tensor>();
  const nlohmann::json json{{"x", 1.5}, {"y", shared->x + map["a"]}};
  try {
    quench::Model model("none.onnx");
  } catch (const quench::Error& error) {
    fmt::print("{} {} {}", json.dump(), 1e30, quench::to_string(error.kind()));
  }
})");
  run("g++ -std=c++20 meets.cpp -o meets -I" + (prefix() / "include").string() + " " +
      (prefix() / "lib/libquench.a").string() + " -lprotobuf-lite -lfmt -lmd -lz -lpthread");
  EXPECT_EQ(run("./meets"), R"({"x":1.5,"y":8} 1e+30 io)");
}

// No header needs another, or one of ours; each is of the language that docs/library.md promises.
TEST_F(Installed, EveryHeaderStandsAlone) {
  int headers = 0;
  for (const auto& entry : fs::directory_iterator(prefix() / "include/quench")) {
    ++headers;
    const std::string name = entry.path().filename().string();
    library_testing::write(file("alone.cpp"), "#include <quench/" + name + ">\n#include <quench/" + name + ">\n");
    run("g++ -std=c++14 -Wall -Wextra -pedantic -Werror -fsyntax-only -I" + (prefix() / "include").string() +
        " alone.cpp");
    std::istringstream lines(library_testing::read(entry.path().string()));
    for (std::string line; std::getline(lines, line);) {
      if (line.rfind("#include \"", 0) == 0) {
        EXPECT_EQ(line.rfind("#include \"quench/", 0), 0u) << name << ": " << line;
      }
    }
  }
  EXPECT_GE(headers, 5);
}

TEST_F(Installed, TheLibrariesShowThePublicNamesAlone) {
  const std::regex name(
      R"(quench::v0::.*|QUENCH_0|quench_own_.*|(typeinfo|typeinfo name|vtable) for quench::v0::Error)");
  for (const char* command : {"nm -DC --defined-only lib/libquench.so.0", "nm -gC --defined-only lib/libquench.a"}) {
    int names = 0;
    std::istringstream lines(run("cd " + prefix().string() + " && " + command + " | cut -c 20- | sed 's/@.*//'"));
    for (std::string line; std::getline(lines, line);) {
      if (line.empty()) continue;
      ++names;
      EXPECT_TRUE(std::regex_match(line, name)) << command << ": " << line;
    }
    EXPECT_GT(names, 20) << command;
  }
  EXPECT_NE(run("objdump -p " + (prefix() / "lib/libquench.so").string()).find("SONAME               libquench.so.0\n"),
            std::string::npos);
}

}  // namespace
