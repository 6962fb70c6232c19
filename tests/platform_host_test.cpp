#include "platform/host.h"
#include "system_tree.h"

namespace quench::platform {
namespace {

namespace fs = std::filesystem;
using HostTest = SystemTree;

TEST_F(HostTest, ReadsAnX86Server) {
  put("proc/cpuinfo",
      "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel\t\t: 17\nmodel name\t: AMD EPYC\n"
      "flags\t\t: fpu sse4_1 avx f16c avx2 fma avx512f avx512_vnni fsrm\npower management:\n\n"
      "processor\t: 1\nmodel name\t: AMD EPYC\nflags\t\t: fpu\n");
  put("proc/meminfo", "MemTotal:       24684084 kB\nMemFree:        21456544 kB\n");
  put("proc/sys/kernel/ostype", "Linux\n");
  put("proc/sys/kernel/osrelease", "6.18.44-custom\n");
  const Host host = detect_host(root_);
  EXPECT_EQ(host.cpu, "AMD EPYC");
  EXPECT_EQ(host.logical_cores, 2);
  EXPECT_EQ(host.isa, (std::vector<std::string>{"sse4_1", "avx", "f16c", "fma", "avx2", "avx512f", "avx512_vnni"}));
  EXPECT_TRUE(host.has("avx2"));
  EXPECT_FALSE(host.has("amx_int8"));
  EXPECT_EQ(host.memory_bytes, 24684084ll * 1024);
  EXPECT_EQ(host.kernel, "6.18.44-custom");
  EXPECT_EQ(host.governor, "");
  EXPECT_EQ(one_line(host), "AMD EPYC, 2 cores, avx512_vnni, 23.5 GiB, Linux 6.18");
}

TEST_F(HostTest, ReadsAnArmBoard) {
  std::string cpuinfo;
  for (int i = 0; i < 4; ++i) {
    cpuinfo +=
        fmt::format("processor\t: {}\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm aes asimdhp asimddp\n", i);
    cpuinfo += "CPU implementer\t: 0x41\nCPU part\t: 0xd0b\n\n";
  }
  put("proc/cpuinfo", cpuinfo);
  put("proc/device-tree/model", std::string_view("Raspberry Pi 5 Model B Rev 1.0\0", 31));
  put("proc/meminfo", "MemTotal:        8256000 kB\n");
  put("proc/sys/kernel/ostype", "Linux\n");
  put("proc/sys/kernel/osrelease", "6.6.31+rpt-rpi-2712\n");
  put("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "ondemand\n");
  const Host host = detect_host(root_);
  EXPECT_EQ(host.isa, (std::vector<std::string>{"asimd", "asimdhp", "asimddp"}));
  EXPECT_EQ(one_line(host), "Raspberry Pi 5 Model B Rev 1.0, 4 cores, asimddp, 7.9 GiB, Linux 6.6, governor ondemand");
  fs::remove(root_ / "proc/device-tree/model");
  EXPECT_EQ(detect_host(root_).cpu, "ARM part 0xd0b of 0x41");
  put("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");
  EXPECT_EQ(one_line(detect_host(root_)).find("governor"), std::string::npos);
}

TEST_F(HostTest, AnEmptyRootGivesEmptyFields) {
  const Host host = detect_host(root_);
  EXPECT_EQ(host.logical_cores, 0);
  EXPECT_TRUE(host.isa.empty());
  EXPECT_EQ(one_line(host), "unknown processor");
}

TEST_F(HostTest, NonsenseIsNoCrash) {
  put("proc/cpuinfo", ":\n: :\nprocessor\nflags\t:\nmodel name:\n");
  put("proc/meminfo", "MemTotal: 99999999999999999999 kB\n");
  put("proc/sys/kernel/ostype", "X");
  put("proc/sys/kernel/osrelease", "next");
  const Host host = detect_host(root_);
  EXPECT_EQ(host.memory_bytes, 0);
  EXPECT_EQ(one_line(host), "unknown processor, X next");
}

TEST(Host, ThisMachineIsDescribed) {
  const Host host = detect_host();
  EXPECT_EQ(host.os, "Linux");
  EXPECT_GE(host.logical_cores, ::sysconf(_SC_NPROCESSORS_ONLN));
  EXPECT_GT(host.memory_bytes, 0);
  EXPECT_EQ(one_line(host).find('\n'), std::string::npos);
}

}  // namespace
}  // namespace quench::platform
