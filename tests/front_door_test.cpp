// The Makefile and the scripts that a new user calls first.

#include "program_testing.h"

namespace quench {
namespace {

const fs::path kSource = QUENCH_SOURCE_DIR;

/// A copy of the Makefile, whose tools are stand-ins that note their names: nothing is installed or built.
class FrontDoor : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    fs::copy_file(kSource / "Makefile", folder_ / "Makefile");
    stand_in("scripts/setup.sh", "[ \"$1\" != --agent ]");  // as where no package can be had for ARM
    stand_in("tools/cmake", "true");
    stand_in("tools/ctest", "exit 8");
  }
  void stand_in(const std::string& name, const std::string& body) const {
    const fs::path path = folder_ / name;
    write_file(path, fmt::format("#!/bin/sh\necho \"{} $*\"\n{}\n", path.filename().string(), body));
    fs::permissions(path, fs::perms::owner_all);
  }
  Outcome make(const std::string& target) const {
    // As from a shell, also where `make test` runs this test.
    return run(
        fmt::format("PATH={}:$PATH env -u MAKEFLAGS -u MAKELEVEL make {}", (folder_ / "tools").string(), target));
  }
};

TEST_F(FrontDoor, DemoBuildsNoTests) {
  const std::string out = make("-n demo").out;
  EXPECT_NE(out.find("--build --preset release --target quench\n"), std::string::npos) << out;
  EXPECT_EQ(out.find("--build --preset release\n"), std::string::npos) << out;
}

TEST_F(FrontDoor, InstallsBelowAPrefixInADestination) {
  Outcome outcome = make("install");
  EXPECT_NE(
      outcome.out.find("cmake --build --preset release --target quench quench-agent quench_shared quench_static\n"),
      std::string::npos)
      << outcome.out;
  EXPECT_NE(outcome.out.find("cmake --install build/release --prefix /usr/local\n"), std::string::npos) << outcome.out;
  stand_in("tools/cmake", "echo \"DESTDIR=$DESTDIR\"");
  outcome = make("install PREFIX=/usr DESTDIR=/tmp/tree");
  EXPECT_NE(outcome.out.find("cmake --install build/release --prefix /usr\nDESTDIR=/tmp/tree\n"), std::string::npos)
      << outcome.out;
}

TEST_F(FrontDoor, PackagesWhatItInstalls) {
  const std::string out = make("-n package").out;
  EXPECT_NE(out.find("--target quench quench-agent quench_shared quench_static\n"), std::string::npos) << out;
  EXPECT_NE(out.find("cpack"), std::string::npos) << out;
}

TEST_F(FrontDoor, TestSaysAtItsEndThatArmWasNotTested) {
  write_file(folder_ / "build/agent-aarch64/quench-agent", "of an older build");
  const Outcome outcome = make("test");
  EXPECT_NE(outcome.code, 0) << "ctest failed";
  EXPECT_FALSE(fs::exists(folder_ / "build/agent-aarch64/quench-agent"));
  std::vector<std::string> lines = split_text(outcome.out, '\n');
  std::erase(lines, "");
  ASSERT_GE(lines.size(), 2u);
  EXPECT_EQ(lines.back(), "make: the tests for ARM did not run: no cross compiler or QEMU (scripts/setup.sh --agent)");
  EXPECT_TRUE(lines[lines.size() - 2].starts_with("ctest ")) << outcome.out;
}

TEST_F(FrontDoor, TestBuildsForArmWhereItCan) {
  stand_in("scripts/setup.sh", "true");
  stand_in("tools/ctest", "true");
  const Outcome outcome = make("test");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("setup.sh --agent"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("cmake --build --preset agent-aarch64"), std::string::npos) << outcome.out;
  EXPECT_EQ(outcome.out.find("did not run"), std::string::npos) << outcome.out;
}

TEST_F(FrontDoor, AFailedBuildForArmIsAFailure) {
  stand_in("scripts/setup.sh", "true");
  stand_in("tools/cmake", "case \"$*\" in *aarch64*) exit 1;; esac");
  EXPECT_NE(make("test").code, 0);
}

TEST_F(FrontDoor, ScriptsAreWellFormed) {
  for (const fs::directory_entry& script : fs::directory_iterator(kSource / "scripts")) {
    const Outcome outcome = run("bash -n " + script.path().string());
    EXPECT_EQ(outcome.code, 0) << outcome.err;
  }
}

// libopencv-dev would bring VTK and 137 packages more.
TEST_F(FrontDoor, SetupInstallsTheUsedPartsOfOpenCv) {
  const std::string setup = read_file(kSource / "scripts/setup.sh");
  EXPECT_NE(setup.find(" libopencv-imgcodecs-dev "), std::string::npos);
  EXPECT_EQ(setup.find("(libopencv-dev"), std::string::npos);
  EXPECT_EQ(setup.find(" libopencv-dev "), std::string::npos);
}

}  // namespace
}  // namespace quench
