// The place of a process among several, from the variables of torchrun and of Slurm.

#include <gtest/gtest.h>

#include <array>
#include <map>

#include "error_testing.h"
#include "processes/group.h"
#include "processes/place.h"

namespace quench::processes {
namespace {

using Given = std::map<std::string, std::string>;

Variables of(const Given& given) {
  return [given](const char* name) {
    const auto found = given.find(name);
    return found == given.end() ? std::string() : found->second;
  };
}

const Given kTorchrun{
    {"RANK", "2"}, {"WORLD_SIZE", "4"}, {"LOCAL_RANK", "0"}, {"MASTER_ADDR", "n1"}, {"MASTER_PORT", "2950"}};
const Given kSlurm{{"SLURM_PROCID", "3"},  {"SLURM_STEP_NUM_TASKS", "4"},          {"SLURM_LOCALID", "1"},
                   {"SLURM_JOB_ID", "77"}, {"SLURM_STEP_NODELIST", "n[07-08,11]"}, {"SLURM_STEP_ID", "0"}};

Given with(Given given, const std::string& name, const std::string& value) {
  given[name] = value;
  return given;
}

std::string refusal(const Given& given, int asked = 0) {
  const auto [kind, message] = error_of([&] { place_of(of(given), asked); });
  EXPECT_EQ(kind, ErrorKind::config);
  return message;
}

TEST(Place, OfTorchrun) {
  const Place place = place_of(of(kTorchrun), 4);
  EXPECT_EQ(place.rank, 2);
  EXPECT_EQ(place.world_size, 4);
  EXPECT_EQ(place.local_rank, 0);
  EXPECT_EQ(place.address, "n1");
  EXPECT_EQ(place.port, 2950);
  EXPECT_TRUE(is_started_as_one_of_several(of(kTorchrun)));
  // torchrun serves a store of its own at that port.
  EXPECT_EQ(place_of(of(with(kTorchrun, "TORCHELASTIC_USE_AGENT_STORE", "True")), 0).port, 2951);
}

TEST(Place, OfOneProcessOfTorchrunNeedsNoAddress) {
  const Place place = place_of(of({{"RANK", "0"}, {"WORLD_SIZE", "1"}}), 0);
  EXPECT_FALSE(place.among_others());
}

TEST(Place, OfSlurm) {
  const Place place = place_of(of(kSlurm), 4);
  EXPECT_EQ(place.rank, 3);
  EXPECT_EQ(place.world_size, 4);
  EXPECT_EQ(place.local_rank, 1);
  EXPECT_EQ(place.address, "n07");
  EXPECT_GT(place.port, 1024);
  EXPECT_EQ(place.port, place_of(of(with(kSlurm, "SLURM_PROCID", "0")), 0).port);  // all meet at one
  EXPECT_NE(place.port, place_of(of(with(kSlurm, "SLURM_STEP_ID", "1")), 0).port);
  EXPECT_EQ(place_of(of(with(kSlurm, "MASTER_PORT", "4000")), 0).port, 4000);
  EXPECT_EQ(place_of(of(with(kSlurm, "MASTER_ADDR", "other")), 0).address, "other");
}

// A batch script has Slurm's variables, too, but it is one process.
TEST(Place, OfABatchScriptIsThatOfOneProcess) {
  const Given script{{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}, {"SLURM_JOB_ID", "77"}};
  EXPECT_FALSE(is_started_as_one_of_several(of(script)));
  EXPECT_FALSE(place_of(of(script), 4).among_others());
}

TEST(Place, NothingSetIsOneProcess) {
  EXPECT_FALSE(is_started_as_one_of_several(of({})));
  EXPECT_EQ(place_of(of({}), 3).world_size, 1);
}

TEST(Place, SaysWhatIsMissingOrWrong) {
  EXPECT_NE(refusal({{"RANK", "1"}, {"WORLD_SIZE", "2"}}).find("MASTER_ADDR"), std::string::npos);
  EXPECT_NE(refusal(with(kTorchrun, "MASTER_PORT", "")).find("expected MASTER_PORT beside"), std::string::npos);
  EXPECT_NE(refusal({{"RANK", "1"}}).find("expected WORLD_SIZE beside RANK"), std::string::npos);
  EXPECT_NE(refusal({{"WORLD_SIZE", "2"}}).find("expected RANK beside WORLD_SIZE"), std::string::npos);
  EXPECT_NE(refusal(with(kTorchrun, "RANK", "4")).find("expected RANK below WORLD_SIZE (4), got 4"), std::string::npos);
  EXPECT_NE(refusal(with(kTorchrun, "RANK", "-1")).find("got '-1'"), std::string::npos);
  EXPECT_NE(refusal(with(kTorchrun, "RANK", "1x")).find("got '1x'"), std::string::npos);
  EXPECT_NE(refusal(with(kTorchrun, "WORLD_SIZE", "0")).find("got '0'"), std::string::npos);
  EXPECT_NE(refusal(with(kTorchrun, "MASTER_PORT", "70000")).find("1..65535"), std::string::npos);
  EXPECT_NE(refusal(with(kSlurm, "SLURM_PROCID", "9")).find("SLURM_PROCID"), std::string::npos);
  EXPECT_NE(refusal(with(kSlurm, "SLURM_STEP_NODELIST", "")).find("MASTER_ADDR"), std::string::npos);
}

TEST(Place, AnotherNumberThanAskedForIsAnError) {
  EXPECT_NE(refusal(kTorchrun, 2).find("expected --world-size 4, as WORLD_SIZE says, got 2"), std::string::npos);
  EXPECT_NE(refusal(kSlurm, 2).find("as SLURM_STEP_NUM_TASKS says"), std::string::npos);
}

TEST(Place, FirstHostOfAList) {
  EXPECT_EQ(first_host("node1"), "node1");
  EXPECT_EQ(first_host("node1,node2"), "node1");
  EXPECT_EQ(first_host("node[01-04,7],x"), "node01");
  EXPECT_EQ(first_host("node[7,9]"), "node7");
  EXPECT_EQ(first_host("rack[1-2]-a,b"), "rack1-a");
  EXPECT_EQ(first_host("node[3"), "node3");
  EXPECT_EQ(first_host(""), "");
}

TEST(Alone, KeepsWhatItIsGiven) {
  const auto group = alone();
  std::array<float, 2> values{1, 2};
  group->sum(std::span<float>(values));
  EXPECT_EQ(values[1], 2);
  EXPECT_EQ(group->broadcast("a"), "a");
  EXPECT_EQ(group->gather("b"), std::vector<std::string>{"b"});
  EXPECT_TRUE(group->leads());
  group->barrier();
}

}  // namespace
}  // namespace quench::processes
