#include <gtest/gtest.h>

#include <set>

#include "config/yaml.h"
#include "core/error.h"
#include "study/plan.h"

namespace quench::study {
namespace {

StudyFile make(const std::string& extra) {
  return check_study(config::parse_yaml("study: s\nmodels: [yolov5n-cls, yolov8n-cls]\n"
                                        "methods: [fp32, {method: ptq, observer: [mse, minmax]}, qat]\n" +
                                            extra,
                                        "t"),
                     "t");
}

TEST(Plan, ExpandsEveryCombinationOnce) {
  const auto cells = expand(make("seeds: [0, 1]\nthreads: [1, 2]\nruntimes: [onnxruntime, torch]\n"));
  EXPECT_EQ(cells.size(), 2u * 2 * 4 * 2 * 2);
  std::set<std::string> ids;
  for (const Cell& cell : cells) ids.insert(cell.id);
  EXPECT_EQ(ids.size(), cells.size());
}

TEST(Plan, CellsShareStagesWhoseInputsAreEqual) {
  const StudyFile study = make("threads: [1, 2]\nseeds: [0, 1]\n");
  std::set<std::string> trainings, artifacts;
  for (const Cell& cell : expand(study)) {
    trainings.insert(stage_hash(train_inputs(study, cell)));
    artifacts.insert(stage_hash(quantize_inputs(study, cell)));
  }
  EXPECT_EQ(trainings.size(), 2u * 2);      // models x seeds
  EXPECT_EQ(artifacts.size(), 2u * 2 * 4);  // and methods; threads share
}

TEST(Plan, SettingsChangeHashesAndDataRootDoesNot) {
  const StudyFile study = make("");
  const StudyFile other_root = make("data: {data: cifar100, data_root: /elsewhere}\n");
  const StudyFile other_lr = make("train: {lr: 0.2}\n");
  const Cell cell = expand(study)[0];
  EXPECT_EQ(stage_hash(train_inputs(study, cell)), stage_hash(train_inputs(other_root, expand(other_root)[0])));
  EXPECT_NE(stage_hash(train_inputs(study, cell)), stage_hash(train_inputs(other_lr, expand(other_lr)[0])));
  EXPECT_EQ(canonical_text(cell.config), canonical_text(expand(other_root)[0].config));
}

TEST(Plan, DevicesAreCellsOfTheirOwn) {
  const std::string devices =
      "runtimes: [native]\nthreads: [4]\ndevices: [host, ssh://nvidia@nano:2222, {name: pi5, address: ssh://pi}]\n";
  const StudyFile study = make(devices);
  const auto cells = expand(study);
  const auto host = expand(make("runtimes: [native]\nthreads: [4]\n"));
  ASSERT_EQ(cells.size(), 3 * host.size());
  EXPECT_EQ(cells[0].id, host[0].id);
  EXPECT_EQ(canonical_text(cells[0].config), canonical_text(host[0].config)) << "records of before stay valid";
  EXPECT_EQ(cells[1].id, "yolov5n-cls/fp32/native@nano/t4/s0");
  EXPECT_EQ(cells[2].id, "yolov5n-cls/fp32/native@pi5/t4/s0");
  EXPECT_EQ(cells[2].config["device"], "pi5");
  EXPECT_EQ(cells[2].device.address, "ssh://pi");
  EXPECT_EQ(stage_hash(quantize_inputs(study, cells[1])), stage_hash(quantize_inputs(study, cells[0])))
      << "what is trained and compressed does not depend on where it runs";
}

TEST(Plan, DevicesThatAreNoneAreRefused) {
  for (const char* bad :
       {"devices: []", "devices: [nano]", "devices: [{name: nano}]", "devices: [ssh://-x]", "devices: [3]",
        "devices: [{address: ssh://nano, adress: x}]", "devices: [host, host]", "devices: [ssh://a@nano, ssh://b@nano]",
        "devices: [{name: a/b, address: ssh://nano}]", "devices: [{name: host, address: nano}]",
        "devices: [{name: host, address: ssh://nano}]"}) {
    try {
      make(std::string(bad) + "\n");
      ADD_FAILURE() << bad;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::config) << bad << ": " << error.what();
    }
  }
}

}  // namespace
}  // namespace quench::study
