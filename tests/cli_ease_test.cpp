// What helps a newcomer: the overview, help for the model that is named, and a study file to begin with.

#include "cli_testing.h"
#include "config/yaml.h"

namespace quench {
namespace {

class Ease : public Cli {
 protected:
  std::string help(const std::string& arguments) const {
    const Outcome outcome = quench(arguments);
    EXPECT_EQ(outcome.code, 0) << arguments << "\n" << outcome.err;
    return outcome.out;
  }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_F(Ease, QuenchAloneIsAnOverviewThatNamesEveryCommand) {
  const Outcome outcome = quench("");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.err, "");
  EXPECT_LT(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 45) << "no overview any more";
  // Commands as --help lists them: a word behind two blanks.
  std::istringstream lines(help("--help"));
  int commands = 0;
  bool listed = false;
  for (std::string line; std::getline(lines, line);) {
    listed |= line.starts_with("Subcommands");
    if (!listed || !line.starts_with("  ") || line.size() < 3 || line[2] == ' ') continue;
    const std::string name = line.substr(2, line.find(' ', 2) - 2);
    EXPECT_TRUE(has(outcome.out, name)) << name;
    ++commands;
  }
  EXPECT_GT(commands, 20);
}

TEST_F(Ease, HelpHasTheDefaultsOfTheModelThatIsNamed) {
  const std::string classifier = help("train --help"), detector = help("train --help --model yolov8n");
  const auto default_of = [](const std::string& text, const std::string& flag) {
    const size_t at = text.find("--" + flag + " "), open = text.find('[', at);
    return at == std::string::npos ? "" : text.substr(open + 1, text.find(']', open) - open - 1);
  };
  EXPECT_EQ(default_of(classifier, "batch"), "128");
  EXPECT_EQ(default_of(detector, "batch"), "16");
  EXPECT_EQ(default_of(detector, "momentum"), "0.937");
  EXPECT_TRUE(has(detector, "defaults of models that detect"));
  EXPECT_EQ(help("train --model=yolov8n --help"), detector);
  EXPECT_EQ(help("help train --model yolov5s"), detector);
  EXPECT_EQ(help("train --help --model yolov8n-cls"), classifier);
  EXPECT_EQ(default_of(help("finetune yolov8n --help"), "epochs"), "5");
  EXPECT_EQ(default_of(help("finetune --help"), "epochs"), "3");
}

TEST_F(Ease, TheReferenceOfStudyFilesIsUpToDate) {
  EXPECT_TRUE(read_file(fs::path(QUENCH_SOURCE_DIR) / "docs/study-reference.md") == help("study reference"))
      << "quench study reference > docs/study-reference.md";
}

#ifdef QUENCH_LAB
TEST_F(Ease, StudyInitWritesWhatStudyPlanTakes) {
  const Outcome made = quench("study init --data shapes --device host,jetson-nano -o s.yaml");
  ASSERT_EQ(made.code, 0) << made.err;
  const std::string text = read_file(folder_ / "s.yaml");
  EXPECT_TRUE(has(text, "5000 training and 1000 test images, 10 classes")) << text;
  const Json study = config::parse_yaml(text, "s.yaml");
  EXPECT_EQ(study["study"], "shapes-yolov5n-cls");
  EXPECT_EQ(study["imgsz"], 64);
  EXPECT_EQ(study["train"]["batch"], 128);
  EXPECT_EQ(study["forecast"][0]["device"], "jetson-nano");
  const Outcome plan = quench("study plan s.yaml");
  EXPECT_EQ(plan.code, 0) << plan.err;
  EXPECT_TRUE(has(plan.out, "jobs to do")) << plan.out;
  int64_t uncommented = 0;  // what stands there is explained there
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) uncommented += !has(line, "# ") && !line.ends_with(":");
  EXPECT_EQ(uncommented, 0) << text;
  expect_error("study init --data shapes -o s.yaml", 2, {"s.yaml", "there already"});
}

TEST_F(Ease, StudyInitWithoutTheDataSaysSoAndWrites) {
  const Outcome made = quench("study init --model yolov8n,yolov5n --data coco128 --name 'my-study' -o d.yaml");
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_TRUE(has(made.err, "quench data fetch coco128")) << made.err;
  const Json study = config::parse_yaml(read_file(folder_ / "d.yaml"), "d.yaml");
  EXPECT_EQ(study["study"], "my-study");
  EXPECT_EQ(study["train"]["batch"], 16);
  EXPECT_TRUE(study.contains("detect"));
  EXPECT_TRUE(has(read_file(folder_ / "d.yaml"), "quench fetch yolov8n"));
  const Outcome plan = quench("study plan d.yaml");
  EXPECT_EQ(plan.code, 0) << plan.err;
  EXPECT_TRUE(has(plan.err, "a run would stop here")) << plan.err;
  // Released weights that are here are what the study begins from.
  write_file(folder_ / "no-data/weights/yolov8n.pt", "x");
  const std::string text = help("study init --model yolov8n --data coco128");
  EXPECT_TRUE(has(text, "{model: yolov8n, pretrained: yolov8n}")) << text;
}

TEST_F(Ease, StudyInitRefusesWhatCannotRun) {
  expect_error("study init --model yolov8n --data shapes", 2, {"models that detect", "--model yolov5n-cls"});
  EXPECT_TRUE(has(quench("study init --model yolov8n,yolov5n-cls --data coco128").err, "one task"));
  expect_error("study init --model yolo8n --data shapes", 2, {"did you mean 'yolov8n'"});
  expect_error("study init --data shapes --device jetson-nanu", 2, {"did you mean 'jetson-nano'"});
  expect_error("study init --data shape", 2, {"did you mean 'shapes'"});
}
#endif

}  // namespace
}  // namespace quench
