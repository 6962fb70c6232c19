#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "core/error.h"
#include "weights/pickle.h"
#include "weights_samples.h"

namespace quench::weights::pickle {
namespace {

namespace fs = std::filesystem;
using samples::call;
using samples::global;
using samples::text;

std::string message_of(const std::string& bytes, ErrorKind kind = ErrorKind::data) {
  try {
    load(bytes, "x.pkl");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_NE(std::string(error.what()).find("byte offset"), std::string::npos) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "expected an Error";
  return "";
}

template <typename T>
const T& as(const Value* value) {
  if (!value || !value->as<T>()) throw std::runtime_error("another value");
  return *value->as<T>();
}

// One object, written by CPython 3.11's pickle.dumps in protocols 1 to 5:
// {'list': [1, -2, 70000, 2**40, -1], 'real': 0.1, 'none': None, 'yes': True, 'no': False, 'text': 'h\u00e9llo',
//  'bytes': b'\x00\xff', 'tuple': (1,), 'pair': (1, 2), 'three': (1, 2, 3), 'many': (1, 2, 3, 4), 'empty': (), 'set':
//  {7}, 'od': OrderedDict([('a', 1), ('b', 2)]), 'big': 2**70, 'minus': -2**70, 'shared': [x, x]} with x = [5]
struct Golden {
  int protocol;
  const char* hex;
};
const Golden kGolden[] = {
    {1,
     "7d71002858040000006c69737471015d7102284b014afeffffff4a701101004c313039393531313632373737364c0a4affffffff655804"
     "0000007265616c7103473fb999999999999a58040000006e6f6e6571044e580300000079657371054930310a58020000006e6f71064930"
     "300a5804000000746578747107580600000068c3a96c6c6f7108580500000062797465737109635f636f646563730a656e636f64650a71"
     "0a28580300000000c3bf710b58060000006c6174696e31710c74710d52710e58050000007475706c65710f284b01747110580400000070"
     "6169727111284b014b02747112580500000074687265657113284b014b024b0374711458040000006d616e797115284b014b024b034b04"
     "7471165805000000656d70747971172958030000007365747118635f5f6275696c74696e5f5f0a7365740a7119285d711a4b076174711b"
     "52711c58020000006f64711d63636f6c6c656374696f6e730a4f726465726564446963740a711e2952711f2858010000006171204b0158"
     "010000006271214b0275580300000062696771224c313138303539313632303731373431313330333432344c0a58050000006d696e7573"
     "71234c2d313138303539313632303731373431313330333432344c0a580600000073686172656471245d7125285d71264b056168266575"
     "2e"},
    {2,
     "80027d71002858040000006c69737471015d7102284b014afeffffff4a701101008a060000000000014affffffff655804000000726561"
     "6c7103473fb999999999999a58040000006e6f6e6571044e580300000079657371058858020000006e6f71068958040000007465787471"
     "07580600000068c3a96c6c6f7108580500000062797465737109635f636f646563730a656e636f64650a710a580300000000c3bf710b58"
     "060000006c6174696e31710c86710d52710e58050000007475706c65710f4b0185711058040000007061697271114b014b028671125805"
     "000000746872656571134b014b024b0387711458040000006d616e797115284b014b024b034b047471165805000000656d707479711729"
     "58030000007365747118635f5f6275696c74696e5f5f0a7365740a71195d711a4b076185711b52711c58020000006f64711d63636f6c6c"
     "656374696f6e730a4f726465726564446963740a711e2952711f2858010000006171204b0158010000006271214b027558030000006269"
     "6771228a0900000000000000004058050000006d696e757371238a090000000000000000c0580600000073686172656471245d7125285d"
     "71264b0561682665752e"},
    {3,
     "80037d71002858040000006c69737471015d7102284b014afeffffff4a701101008a060000000000014affffffff655804000000726561"
     "6c7103473fb999999999999a58040000006e6f6e6571044e580300000079657371058858020000006e6f71068958040000007465787471"
     "07580600000068c3a96c6c6f7108580500000062797465737109430200ff710a58050000007475706c65710b4b0185710c580400000070"
     "616972710d4b014b0286710e58050000007468726565710f4b014b024b0387711058040000006d616e797111284b014b024b034b047471"
     "125805000000656d70747971132958030000007365747114636275696c74696e730a7365740a71155d71164b0761857117527118580200"
     "00006f64711963636f6c6c656374696f6e730a4f726465726564446963740a711a2952711b28580100000061711c4b0158010000006271"
     "1d4b02755803000000626967711e8a0900000000000000004058050000006d696e7573711f8a090000000000000000c058060000007368"
     "6172656471205d7121285d71224b0561682265752e"},
    {4,
     "80049527010000000000007d94288c046c697374945d94284b014afeffffff4a701101008a060000000000014affffffff658c04726561"
     "6c94473fb999999999999a8c046e6f6e65944e8c0379657394888c026e6f94898c0474657874948c0668c3a96c6c6f948c056279746573"
     "94430200ff948c057475706c65944b0185948c0470616972944b014b0286948c057468726565944b014b024b0387948c046d616e799428"
     "4b014b024b034b0474948c05656d70747994298c03736574948f94284b07908c026f64948c0b636f6c6c656374696f6e73948c0b4f7264"
     "6572656444696374949394295294288c0161944b018c0162944b02758c03626967948a090000000000000000408c056d696e7573948a09"
     "0000000000000000c08c06736861726564945d94285d944b0561682165752e"},
    {5,
     "80059527010000000000007d94288c046c697374945d94284b014afeffffff4a701101008a060000000000014affffffff658c04726561"
     "6c94473fb999999999999a8c046e6f6e65944e8c0379657394888c026e6f94898c0474657874948c0668c3a96c6c6f948c056279746573"
     "94430200ff948c057475706c65944b0185948c0470616972944b014b0286948c057468726565944b014b024b0387948c046d616e799428"
     "4b014b024b034b0474948c05656d70747994298c03736574948f94284b07908c026f64948c0b636f6c6c656374696f6e73948c0b4f7264"
     "6572656444696374949394295294288c0161944b018c0162944b02758c03626967948a090000000000000000408c056d696e7573948a09"
     "0000000000000000c08c06736861726564945d94285d944b0561682165752e"},
};

TEST(Pickle, ReadsWhatPythonWrites) {
  for (const Golden& golden : kGolden) {
    SCOPED_TRACE(golden.protocol);
    const Document document = load(samples::from_hex(golden.hex), "golden");
    const Value* root = &document.root();
    const auto at = [&](const char* key) { return find(root, key); };
    EXPECT_EQ(as<Dict>(root).items.size(), 17u);
    std::vector<int64_t> numbers;
    for (const Ref item : as<List>(at("list")).items) numbers.push_back(as<int64_t>(item));
    EXPECT_EQ(numbers, (std::vector<int64_t>{1, -2, 70000, int64_t{1} << 40, -1}));
    EXPECT_EQ(as<double>(at("real")), 0.1);
    EXPECT_TRUE(at("none")->as<None>());
    EXPECT_TRUE(as<bool>(at("yes")));
    EXPECT_FALSE(as<bool>(at("no")));
    EXPECT_EQ(as<std::string>(at("text")), "h\xc3\xa9llo");
    if (golden.protocol >= 3) {
      EXPECT_EQ(as<Bytes>(at("bytes")).bytes, std::string("\x00\xff", 2));
    } else {
      EXPECT_EQ(as<Global>(as<Object>(at("bytes")).callable).name, "encode");  // a call that is not made
    }
    EXPECT_EQ(as<Tuple>(at("tuple")).items.size(), 1u);
    EXPECT_EQ(as<Tuple>(at("pair")).items.size(), 2u);
    EXPECT_EQ(as<int64_t>(as<Tuple>(at("three")).items[2]), 3);
    EXPECT_EQ(as<int64_t>(as<Tuple>(at("many")).items[3]), 4);
    EXPECT_TRUE(as<Tuple>(at("empty")).items.empty());
    ASSERT_EQ(as<Set>(at("set")).items.size(), 1u);
    EXPECT_EQ(as<int64_t>(as<Set>(at("set")).items[0]), 7);
    EXPECT_EQ(as<int64_t>(find(at("od"), "b")), 2);
    EXPECT_EQ(as<double>(at("big")), std::ldexp(1, 70));
    EXPECT_EQ(as<double>(at("minus")), -std::ldexp(1, 70));
    const auto& shared = as<List>(at("shared")).items;
    ASSERT_EQ(shared.size(), 2u);
    EXPECT_EQ(shared[0], shared[1]);
  }
}

TEST(Pickle, ObjectsAreRecords) {
  const Document document = load(
      samples::pickle(samples::module("torch.nn.modules.conv", "Conv2d", "}", "}", "}", {text("groups"), "K\x01"})),
      "x");
  const Object& object = as<Object>(&document.root());
  EXPECT_EQ(as<Global>(object.callable).module, "torch.nn.modules.conv");
  EXPECT_EQ(as<int64_t>(find(object.state, "groups")), 1);
  EXPECT_EQ(find(object.state, "stride"), nullptr);
}

TEST(Pickle, TheLastOfEqualKeysCounts) {
  const Document document = load(samples::pickle(samples::dict({text("a"), "K\x01", text("a"), "K\x02"})), "x");
  EXPECT_EQ(as<int64_t>(find(&document.root(), "a")), 2);
}

// The attack that pickles are known for, in the ways in which a pickle can name a function and call it. Each would
// create a file.
TEST(Pickle, ACallOfTheSystemIsRefusedByNameAndNotRun) {
  const fs::path proof = fs::temp_directory_path() / fmt::format("quench-pickle-{}", ::getpid());
  fs::remove(proof);
  const std::string command = text("touch " + proof.string());
  for (const char* module : {"os", "posix", "nt"}) {
    const std::string attacks[] = {
        global(module, "system") + samples::tuple({command}) + "R",                // REDUCE
        text(module) + text("system") + "\x93" + samples::tuple({command}) + "R",  // STACK_GLOBAL
        "(" + command + "i" + module + "\nsystem\n",                               // INST
        "(" + global(module, "system") + command + "o",                            // OBJ
        global(module, "system") + samples::tuple({command}) + "\x81",             // NEWOBJ
        global(module, "system") + samples::tuple({command}) + "}\x92",            // NEWOBJ_EX
        samples::dict({text("model"), global(module, "system") + samples::tuple({command}) + "R"}),
    };
    for (const std::string& attack : attacks) {
      const std::string message = message_of(samples::pickle(attack));
      EXPECT_NE(message.find(fmt::format("refused {}.system", module)), std::string::npos) << message;
    }
  }
  EXPECT_EQ(fs::exists(proof), false);
}

TEST(Pickle, NamesThatWeightsDoNotNeedAreRefused) {
  const std::pair<const char*, const char*> names[] = {
      {"subprocess", "Popen"},
      {"subprocess", "check_output"},
      {"builtins", "eval"},
      {"builtins", "exec"},
      {"__builtin__", "eval"},

      {"builtins", "__import__"},
      {"builtins", "open"},
      {"builtins", "compile"},
      {"sys", "exit"},
      {"shutil", "rmtree"},
      {"socket", "socket"},
      {"importlib", "import_module"},
      {"runpy", "run_path"},
      {"pickle", "loads"},
      {"torch", "load"},
      {"torch.hub", "load"},
      {"torch.storage", "_load_from_bytes"},
      {"torch.serialization", "load"},
      {"numpy.testing._private.utils", "runstring"},
      {"operator", "attrgetter"},
      {"functools", "partial"},
      {"ctypes", "CDLL"},
      {"webbrowser", "open"},
      {"pty", "spawn"},
      {"asyncio", "run"},
      {"models.common", "os.system"},
      {"torch.nn.modules.module", "torch.os.system"},
      {"modelsx", "Model"},
      {"", ""},
      {"__main__", "Model"},
      {"posixpath", "os"},
      {"pathlib", "os"},
      {"_codecs", "decode"},
  };
  for (const auto& [module, name] : names) {
    EXPECT_EQ(trust(module, name), Trust::refused) << module << "." << name;
    const std::string message = message_of(samples::pickle(call(global(module, name), {text("x")})));
    EXPECT_NE(message.find(fmt::format("refused {}.{}", module, name)), std::string::npos) << message;
  }
}

TEST(Pickle, NamesOfReleasedCheckpointsAreTaken) {
  const std::pair<const char*, const char*> names[] = {
      {"models.yolo", "Detect"},
      {"ultralytics.nn.tasks", "DetectionModel"},
      {"torch.nn.modules.conv", "Conv2d"},
      {"torch", "HalfStorage"},
      {"torch._utils", "_rebuild_tensor_v2"},
      {"torch._utils", "_rebuild_parameter"},
      {"torch", "Size"},
      {"torch", "device"},
      {"torch", "float32"},
      {"numpy.core.multiarray", "scalar"},
      {"numpy", "dtype"},
      {"pathlib", "PosixPath"},
      {"builtins", "int"},
      {"datetime", "datetime"},
      {"argparse", "Namespace"},
      {"ultralytics.utils", "IterableSimpleNamespace"},
  };
  for (const auto& [module, name] : names) EXPECT_EQ(trust(module, name), Trust::record) << module << "." << name;
  EXPECT_EQ(trust("collections", "OrderedDict"), Trust::container);
  EXPECT_EQ(trust("__builtin__", "set"), Trust::container);
}

// Ultralytics' folded models hold `getattr(module, "forward_fuse")`. Of anything but a record it could lead anywhere.
TEST(Pickle, AttributesOfRecordsAreRecordsAndNeverCalled) {
  const std::string model = samples::module("ultralytics.nn.modules.conv", "Conv", "}", "}", "}");
  for (const char* package : {"builtins", "__builtin__"}) {
    const std::string method = call(global(package, "getattr"), {model, text("forward_fuse")});
    const Document document = load(samples::pickle(method), "x");
    EXPECT_EQ(as<Global>(as<Object>(&document.root()).callable).name, "getattr");
    message_of(samples::pickle(call(method, {})));
    for (const std::string& other : {global("torch.nn", "Module"), text("x"), std::string("N")}) {
      const std::string message = message_of(samples::pickle(call(global(package, "getattr"), {other, text("os")})));
      EXPECT_NE(message.find("refused"), std::string::npos) << message;
    }
    EXPECT_NE(message_of(samples::pickle(call(global(package, "getattr"), {model}))).find("refused"),
              std::string::npos);
  }
}

TEST(Pickle, DeepNestingNeedsNoStack) {
  std::string lists, tuples;
  for (int i = 0; i < 1'000'000; ++i) {
    lists += "]";
    tuples += i ? "\x85" : ")";
  }
  for (int i = 1; i < 1'000'000; ++i) lists += "a";
  EXPECT_NO_THROW(load("\x80\x02" + lists + ".", "x"));
  EXPECT_NO_THROW(load("\x80\x02" + tuples + ".", "x"));
  message_of(std::string(5000, '(') + "t.");
}

TEST(Pickle, AValueMayHoldItself) {
  const Document document = load(samples::from_hex("80025d71006800612e"), "golden");  // l = []; l.append(l), by CPython
  const auto& items = as<List>(&document.root()).items;
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0], &document.root());
}

TEST(Pickle, WorkIsBounded) {
  message_of(std::string(kMaxSteps + 1, 'N') + ".");
  EXPECT_NE(message_of(std::string(kMaxBytes + 1, 'N')).find("at most"), std::string::npos);
  // A list of 1000 pairs, made into an OrderedDict again and again: small file, much work.
  std::string pairs;
  for (int i = 0; i < 1000; ++i) pairs += "K\x01K\x02\x86";
  std::string bytes = "](" + pairs + "eq" + std::string(1, '\0') + global("collections", "OrderedDict") + "q\x01";
  for (int i = 0; i < 10000; ++i) bytes += "h\x01h" + std::string(1, '\0') + "\x85R0";
  EXPECT_NE(message_of(bytes + ".").find("steps"), std::string::npos);
}

TEST(Pickle, MalformedOnesAreErrors) {
  const std::string wrong[] = {
      "",
      "\x80",
      "\x80\x09.",
      ".",
      "K",
      "X\xff\xff\xff\x7f",
      "X\x05\x00\x00\x00hi",
      "(.",
      "a.",
      "]a.",
      "]K\x01s.",
      "}K\x01K\x02\x65.",
      "t.",
      "h\x01.",
      "j\x01\x02\x03\x04.",
      "g1\n.",
      "gx\n.",
      "Ix\n.",
      "Fabc\n.",
      "cos",
      "cos\nsystem",
      "K\x01)R.",
      "]R.",
      "N}b.",
      "\xfe",
      "(K\x01o.",
      "K\x01K\x02\x93.",
      "S'abc\n.",
      "Sabc\n.",
      "}(K\x01u.",
      "\x8b\xff\xff\xff\xff",
      "\x8d\xff\xff\xff\xff\xff\xff\xff\xff",
      "(0.",
      "(K\x01\x85",
      "(\x85.",
      "(q\x01.",
      std::string("\x8e\x00\x00\x00\x00\x00\x00\x00\x80", 9),
  };
  for (const std::string& bytes : wrong) {
    SCOPED_TRACE(testing::PrintToString(bytes));
    message_of(bytes);
  }
  message_of("\x97.", ErrorKind::unsupported);
  message_of("\x82\x01.", ErrorKind::unsupported);
}

TEST(PickleFuzz, TruncatedAndChanged) {
  std::vector<std::string> seeds;
  for (const Golden& golden : kGolden) seeds.push_back(samples::from_hex(golden.hex));
  seeds.push_back(samples::pickle(samples::module(
      "models.yolo", "Model", samples::dict({text("w"), samples::tensor("FloatStorage", "0", 4, 0, {2, 2}, {2, 1})}),
      "}", "}", {text("names"), samples::list({text("cat")})})));
  int loaded = 0, refused = 0;
  for (const std::string& seed : seeds) {
    for (size_t size = 0; size < seed.size(); ++size) EXPECT_THROW(load(seed.substr(0, size), "x"), Error) << size;
    for (uint64_t round = 0; round < 4000; ++round) {
      Rng rng(seed.size(), "pickle", round);
      try {
        load(samples::changed(seed, rng), "x");
        ++loaded;
      } catch (const Error& error) {
        EXPECT_TRUE(error.kind() == ErrorKind::data || error.kind() == ErrorKind::unsupported) << error.what();
        ++refused;
      }
    }
  }
  EXPECT_GT(loaded, 500);
  EXPECT_GT(refused, 5000);
}

TEST(PickleFuzz, Noise) {
  for (uint64_t round = 0; round < 20000; ++round) {
    Rng rng(0, "noise", round);
    std::string bytes(1 + rng.below(60), '\0');
    for (char& byte : bytes) byte = static_cast<char>(rng.below(256));
    try {
      load(bytes, "x");
    } catch (const Error& error) {
      EXPECT_NE(error.kind(), ErrorKind::internal) << error.what();
    }
  }
}

}  // namespace
}  // namespace quench::weights::pickle
