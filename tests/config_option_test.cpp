#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <set>

#include "config/option.h"
#include "config/tables.h"
#include "core/error.h"

namespace quench::config {
namespace {

const OptionSet& sample() {
  static const OptionSet options({
      {"epochs", OptionType::integer, 30, "passes", {}, 0, 100},
      {"lr", OptionType::number, 0.1, "rate", {}, 0, {}},
      {"ema", OptionType::boolean, true, "average"},
      {"optimizer", OptionType::text, "sgd", "optimizer", {"sgd", "adamw"}},
      {"data_root", OptionType::text, nullptr, "folder"},
      {"float_layers", OptionType::text_list, Json::array(), "names"},
      {"save", OptionType::text_list, Json::array({"images"}), "forms", {"images", "txt"}},
  });
  return options;
}

std::string refusal(const Json& values) {
  try {
    sample().checked(values, "study.yaml");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::config) << error.what();
    EXPECT_EQ(std::string(error.what()).find("study.yaml: "), 0u) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "expected an Error for " << values;
  return "";
}

TEST(OptionSet, ANumberIsOneSettingHoweverItIsWritten) {
  EXPECT_EQ(sample().checked({{"lr", 1}}, "t").dump(), sample().checked({{"lr", 1.0}}, "t").dump());
}

TEST(OptionSet, WithoutLeavesTheOthers) {
  const OptionSet fewer = sample().without({"lr", "save"});
  EXPECT_EQ(fewer.options().size(), sample().options().size() - 2);
  EXPECT_EQ(fewer.find("lr"), nullptr);
  EXPECT_NE(fewer.find("ema"), nullptr);
  EXPECT_THROW(fewer.without({"lr"}), Error);
}

TEST(OptionSet, PartIsWhatTheTableNames) {
  const OptionSet table({{"a", OptionType::integer, 1, ""}, {"b", OptionType::text, "x", ""}});
  EXPECT_EQ(table.part_of(Json{{"a", 5}, {"other", true}}), (Json{{"a", 5}}));
  EXPECT_EQ(table.part_of(Json::object()), Json::object());
}

TEST(Options, NothingGivenIsTheDefaults) {
  EXPECT_EQ(sample().checked(Json::object(), "x"), sample().defaults());
  EXPECT_EQ(sample().defaults()["epochs"], 30);
  EXPECT_TRUE(sample().defaults()["data_root"].is_null());
}

TEST(Options, ValuesAreLaidOverTheDefaultsInTableOrder) {
  const Json out = sample().checked(
      Json{{"float_layers", {"a", "b"}}, {"epochs", 0}, {"lr", 2}, {"ema", false}, {"data_root", "/d"}}, "x");
  EXPECT_EQ(
      out.dump(),
      R"({"epochs":0,"lr":2.0,"ema":false,"optimizer":"sgd","data_root":"/d","float_layers":["a","b"],"save":["images"]})");
  EXPECT_EQ(sample().checked(out, "x"), out);  // checking again changes nothing
}

TEST(Options, NullMeansNotGivenWhereThereIsNoDefault) {
  EXPECT_TRUE(sample().checked(Json{{"data_root", nullptr}}, "x")["data_root"].is_null());
  EXPECT_NE(refusal(Json{{"epochs", nullptr}}).find("expected an integer for 'epochs', got null"), std::string::npos);
}

TEST(Options, NumbersThatAreNotFiniteAreNamedAsWhatTheyAre) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(refusal(Json{{"lr", nan}}), "study.yaml: expected a finite number for 'lr', got nan");
  EXPECT_EQ(refusal(Json{{"lr", inf}}), "study.yaml: expected a finite number for 'lr', got inf");
  EXPECT_EQ(refusal(Json{{"epochs", nan}}), "study.yaml: expected an integer for 'epochs', got nan");
}

TEST(Options, TextsOfListsAreNotEmpty) {
  EXPECT_EQ(refusal(Json{{"float_layers", {"a", ""}}}),
            "study.yaml: expected texts that are not empty for 'float_layers', got [\"a\",\"\"]");
  EXPECT_EQ(sample().checked(Json{{"float_layers", Json::array()}}, "t")["float_layers"], Json::array());
}

TEST(Options, UnknownKeyNamesTheNearest) {
  EXPECT_EQ(refusal(Json{{"epoch", 3}}), "study.yaml: unknown key 'epoch' (did you mean 'epochs'?)");
  EXPECT_NE(refusal(Json{{"colour", 3}}).find("(known: epochs, lr, ema, optimizer, data_root, float_layers, save)"),
            std::string::npos);
}

TEST(Options, WrongTypesAreNamed) {
  const auto has = [](const Json& values, const std::string& part) {
    const std::string message = refusal(values);
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  has(Json{{"epochs", "3"}}, "expected an integer for 'epochs', got \"3\"");
  has(Json{{"epochs", 3.5}}, "expected an integer for 'epochs', got 3.5");
  has(Json{{"lr", true}}, "expected a number for 'lr', got true");
  has(Json{{"ema", 1}}, "expected true or false for 'ema', got 1");
  has(Json{{"optimizer", 1}}, "expected a text for 'optimizer', got 1");
  has(Json{{"float_layers", "model.0"}}, "expected a list of texts for 'float_layers'");
  has(Json{{"float_layers", {"a", 1.5}}}, "expected a list of texts for 'float_layers'");
  has(Json::array(), "expected a map of settings, got []");
}

TEST(Options, IntegersInAListOfTextsAreTheirDigits) {
  EXPECT_EQ(sample().checked(Json{{"float_layers", {"a", 8}}}, "test").at("float_layers"), Json({"a", "8"}));
}

TEST(Options, BoundsAndChoicesAreHeld) {
  EXPECT_EQ(refusal(Json{{"epochs", 101}}), "study.yaml: expected 'epochs' at least 0 and at most 100, got 101");
  EXPECT_EQ(refusal(Json{{"lr", -0.5}}), "study.yaml: expected 'lr' at least 0, got -0.5");
  EXPECT_EQ(sample().checked(Json{{"epochs", 100}}, "x")["epochs"], 100);
  refusal(Json{{"lr", std::numeric_limits<double>::quiet_NaN()}});
  EXPECT_EQ(refusal(Json{{"optimizer", "adam"}}), "study.yaml: expected one of sgd, adamw for 'optimizer', got 'adam'");
  EXPECT_EQ(refusal(Json{{"save", {"txt", "text"}}}), "study.yaml: expected one of images, txt for 'save', got 'text'");
  EXPECT_EQ(sample().checked(Json{{"save", {"txt", "images"}}}, "x")["save"], (Json{"txt", "images"}));
}

TEST(Options, TablesAddUpAndDefaultsMove) {
  const OptionSet more = sample() + OptionSet({{"seed", OptionType::integer, 0, "seed"}});
  EXPECT_EQ(more.options().size(), sample().options().size() + 1);
  EXPECT_THROW(more + more, Error);
  EXPECT_EQ(more.with_default("seed", 7).defaults()["seed"], 7);
  EXPECT_EQ(more.defaults()["seed"], 0);
  EXPECT_THROW(more.with_default("sead", 7), Error);
}

TEST(Tables, AreSoundAndDoNotOverlap) {
  std::set<std::string> names;
  for (const OptionSet* table : {&data_options(), &augment_options(), &model_options(), &train_options(),
                                 &quantize_options(), &quantizer_options(), &detect_options(), &bench_options()}) {
    for (const Option& option : table->options()) {
      EXPECT_TRUE(names.insert(option.name).second || option.name == "threads") << option.name << " is in two tables";
      EXPECT_FALSE(option.help.empty()) << option.name;
      EXPECT_EQ(option.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"), std::string::npos)
          << option.name;
    }
    EXPECT_NO_THROW(table->checked(table->defaults(), "defaults"));  // every default passes its own check
  }
  EXPECT_NO_THROW(qat_options().checked(qat_options().defaults(), "defaults"));
  for (const Option& option : train_options().options()) EXPECT_TRUE(qat_options().find(option.name)) << option.name;
}

TEST(Tables, SettingsOfQuantizersAreAbsentUnlessGivenAndDoNotContradict) {
  EXPECT_TRUE(quantizer_options().defaults().empty()) << "trainings of before have the keys of before";
  EXPECT_NO_THROW(require_quantizers({{"estimator", "ewgs"}, {"ewgs_delta", 0.1}, {"damping", 0.0}}, "t"));
  EXPECT_NO_THROW(require_quantizers({{"learn", "correction"}, {"ranges", "learned"}}, "t"));
  EXPECT_THROW(require_quantizers({{"ewgs_delta", 0.1}}, "t"), Error);
  EXPECT_THROW(require_quantizers({{"learn", "correction"}, {"estimator", "ste"}}, "t"), Error);
  EXPECT_THROW(require_quantizers({{"activation_quantizer", "lsq"}, {"ranges", "frozen"}}, "t"), Error);
  EXPECT_TRUE(learns_narrow_weights(Json::object()));
  EXPECT_FALSE(learns_narrow_weights({{"weight_ranges", "frozen"}}));
}

TEST(Tables, EverySettingOfATrainingHasAScope) {
  std::vector<std::string> names;
  for (const TrainScope scope : {TrainScope::own, TrainScope::kept, TrainScope::machine}) {
    for (const std::string& name : train_settings(scope)) names.push_back(name);
  }
  std::vector<std::string> all;
  for (const Option& option : train_options().options()) all.push_back(option.name);
  std::ranges::sort(names);
  std::ranges::sort(all);
  EXPECT_EQ(names, all);
  EXPECT_EQ(train_settings(TrainScope::machine),
            (std::vector<std::string>{"device", "threads", "workers", "profile", "world_size"}));
  EXPECT_THROW(train_options().only({"lr", "rate"}), Error);
  EXPECT_EQ(train_options().only({"lr", "batch"}).defaults(), (Json{{"lr", 0.1}, {"batch", 128}}));
}

}  // namespace
}  // namespace quench::config
