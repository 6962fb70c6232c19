// quench-agent for 64-bit ARM, where it was built (make agent) and QEMU is there: nothing is needed on the device, no
// instruction beyond the processor's, and the same bits as here.

#include <elf.h>

#include <cstring>
#include <map>
#include <optional>

#include "agent_testing.h"
#include "picture_files/encode.h"

namespace quench {
namespace {

/// The program headers and notes of a 64-bit little-endian ELF file.
struct Elf {
  explicit Elf(const fs::path& path) : bytes(read_file(path)) {
    std::memcpy(&header, bytes.data(), sizeof header);
    for (int i = 0; i < header.e_phnum; ++i) {
      Elf64_Phdr segment;
      std::memcpy(&segment, bytes.data() + header.e_phoff + static_cast<size_t>(i) * sizeof segment, sizeof segment);
      segments.push_back(segment);
    }
  }
  bool has(uint32_t type) const {
    return std::ranges::any_of(segments, [&](const Elf64_Phdr& s) { return s.p_type == type; });
  }
  /// Major and minor version of the oldest kernel that the C library runs on (note NT_GNU_ABI_TAG).
  std::optional<std::pair<uint32_t, uint32_t>> oldest_kernel() const {
    for (const Elf64_Phdr& segment : segments) {
      if (segment.p_type != PT_NOTE) continue;
      for (size_t at = segment.p_offset; at + sizeof(Elf64_Nhdr) <= segment.p_offset + segment.p_filesz;) {
        Elf64_Nhdr note;
        std::memcpy(&note, bytes.data() + at, sizeof note);
        const size_t name = at + sizeof note, words = name + (note.n_namesz + 3) / 4 * 4;
        if (note.n_type == NT_GNU_ABI_TAG && std::strcmp(bytes.data() + name, "GNU") == 0) {
          uint32_t tag[4];
          std::memcpy(tag, bytes.data() + words, sizeof tag);
          return std::pair{tag[1], tag[2]};
        }
        at = words + (note.n_descsz + 3) / 4 * 4;
      }
    }
    return std::nullopt;
  }

  std::string bytes;
  Elf64_Ehdr header;
  std::vector<Elf64_Phdr> segments;
};

class AgentAarch64 : public Agent {
 protected:
  void SetUp() override {
    if (!fs::exists(program_)) GTEST_SKIP() << "needs " << program_.string() << " (make agent)";
    Agent::SetUp();
  }
  const fs::path program_ = fs::path(QUENCH_SOURCE_DIR) / "build/agent-aarch64/quench-agent";
};

class AgentEmulated : public AgentAarch64 {
 protected:
  void SetUp() override {
    if (std::system("command -v qemu-aarch64-static >/dev/null") != 0) GTEST_SKIP() << "needs qemu-aarch64-static";
    AgentAarch64::SetUp();
  }
  /// The ARM agent on a processor that QEMU imitates, without any file of an ARM system.
  Outcome emulated(const std::string& cpu, const std::string& arguments) const {
    return run(fmt::format("qemu-aarch64-static -L /nonexistent -cpu {} {} {}", cpu, program_.string(), arguments));
  }
};

TEST_F(AgentAarch64, NeedsNothingOnTheDevice) {
  EXPECT_LT(fs::file_size(program_), 10'000'000u);
  const Elf elf(program_);
  EXPECT_EQ(elf.header.e_machine, EM_AARCH64);
  EXPECT_FALSE(elf.has(PT_INTERP)) << "needs a dynamic loader";
  EXPECT_FALSE(elf.has(PT_DYNAMIC)) << "needs libraries";
  const auto kernel = elf.oldest_kernel();
  ASSERT_TRUE(kernel);
  EXPECT_LE(*kernel, (std::pair<uint32_t, uint32_t>{4, 9})) << "JetPack 4 has Linux 4.9";
}

// Cortex-A57: ARMv8.0, as the Jetson Nano's. max: with dot-product instructions, as Orin's and newer.
TEST_F(AgentEmulated, GivesTheSameBitsAsHere) {
  const std::map<std::string, std::string> packs{{"float.onnx", "classify.qpack"},
                                                 {"int8.onnx", "classify.qpack"},
                                                 {"extremes.onnx", "classify.qpack"},
                                                 {"detect.onnx", "detect.qpack"},
                                                 {"detect-int8.onnx", "detect.qpack"}};
  for (const auto& [model, pack] : packs) {
    const std::string eval = "eval " + model + " --pack " + pack + " --digest --threads 2";
    Json here = scores_of(one_record(eval));
    for (const std::string cpu : {"cortex-a57", "max"}) {
      const Outcome outcome = emulated(cpu, eval);
      const auto there = records(outcome);
      ASSERT_EQ(there.size(), 1u) << cpu << " " << model;
      Json found = scores_of(there[0]);
      EXPECT_EQ(found["config"]["outputs_sha256"], here["config"]["outputs_sha256"]) << cpu << " " << model;
      for (const char* own : {"host", "quench_version"}) {
        found.erase(own);
        here.erase(own);
      }
      EXPECT_EQ(found, here) << cpu;
      const std::string set = cpu == "max" ? "instruction set: neon-dot" : "instruction set: neon\n";
      EXPECT_NE(outcome.err.find(set), std::string::npos) << outcome.err;
    }
  }
}

// From files to boxes and drawings: decoders, resize and engine.
TEST_F(AgentEmulated, SeesInPicturesWhatIsSeenHere) {
  Tensor pixels(DType::u8, {75, 110, 3});
  const auto values = pixels.mutable_values<uint8_t>();
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint8_t>(i * i / 977 + i / 3 % 51);
  write_file(folder_ / "in/a.jpg", picture_files::encode_jpeg(pixels));
  write_file(folder_ / "in/b.png", picture_files::encode_png(pixels));
  const std::string predict =
      "predict detect-int8.onnx --source in --confidence 1e-7 --max-detections 9 --exact --draw ";
  const auto seen = [](const Outcome& outcome) {
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    std::vector<Json> all;
    for (const std::string& line : split_text(outcome.out, '\n')) {
      const Json json = line.empty() ? Json() : parse_json(line, "stdout");
      if (json.contains("detections")) all.push_back(json["detections"]);
    }
    return all;
  };
  const std::vector<Json> here = seen(agent(predict + "here")), there = seen(emulated("cortex-a57", predict + "there"));
  ASSERT_EQ(here.size(), 2u);
  EXPECT_GT(here[0].size(), 3u);
  EXPECT_EQ(there, here);
  for (const char* name : {"a.jpg", "b.png"}) {
    EXPECT_EQ(read_file(folder_ / "there" / name), read_file(folder_ / "here" / name)) << name;
  }
}

TEST_F(AgentEmulated, RunsAsOnADevice) {
  const Json info = parse_json(emulated("cortex-a57", "info").out, "info");
  EXPECT_EQ(info["architecture"], "aarch64");
  EXPECT_EQ(info["runtimes"][0]["available"], true);
  EXPECT_EQ(info["runtimes"][1]["available"], false);  // ONNX Runtime does not load there

  const std::string run =
      "run int8.onnx --pack classify.qpack --limit 6 --min-samples 3 --min-seconds 0 "
      "--max-warm-up-seconds 0 --state state --out records.jsonl --device nano";
  const auto all = records(emulated("cortex-a57", run));
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].samples, 6);
  EXPECT_EQ(all[0].latency_samples, 3);
  EXPECT_EQ(all[0].device, "nano");
  const auto again = records(emulated("cortex-a57", run));
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(scores_of(again[0]), scores_of(all[0]));
  EXPECT_EQ(
      records(emulated("cortex-a57", "eval float.onnx --pack classify.qpack --runtime onnxruntime"), 1).at(0).status,
      "unsupported");
  EXPECT_EQ(emulated("cortex-a57", "eval float.onnx --pack detect.qpack").code, 2);
}

}  // namespace
}  // namespace quench
