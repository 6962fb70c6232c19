// Meters, on trees that imitate each board's sysfs.
#include "platform/power.h"
#include "system_tree.h"

namespace quench::platform {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kSecond = 1'000'000'000;

class PowerTest : public SystemTree {
 protected:
  /// A channel of JetPack 4's driver.
  void put_iio(const std::string& folder, int channel, const std::string& name, int power_mw) {
    put(fmt::format("{}/rail_name_{}", folder, channel), name + "\n");
    put(fmt::format("{}/in_power{}_input", folder, channel), fmt::format("{}\n", power_mw));
    put(fmt::format("{}/in_voltage{}_input", folder, channel), "5000\n");
    put(fmt::format("{}/in_current{}_input", folder, channel), fmt::format("{}\n", power_mw / 5));
  }
  /// A channel of the kernel's own driver.
  void put_hwmon(const std::string& folder, int channel, const std::string& name, int voltage_mv, int current_ma) {
    put(fmt::format("{}/in{}_label", folder, channel), name + "\n");
    put(fmt::format("{}/in{}_input", folder, channel), fmt::format("{}\n", voltage_mv));
    put(fmt::format("{}/curr{}_input", folder, channel), fmt::format("{}\n", current_ma));
  }
  void put_rapl(const std::string& zone, const std::string& name, int64_t energy_uj, int64_t range_uj) {
    const std::string folder = "sys/class/powercap/" + zone;
    put(folder + "/name", name + "\n");
    put(folder + "/energy_uj", fmt::format("{}\n", energy_uj));
    put(folder + "/max_energy_range_uj", fmt::format("{}\n", range_uj));
  }
  /// Power that a meter says where nothing changes between two reads.
  double steady_mw(PowerMeter& meter) {
    EXPECT_FALSE(meter.read(kSecond));
    const auto power = meter.read(3 * kSecond);
    EXPECT_TRUE(power);
    EXPECT_EQ(power->span_ns, 2 * kSecond);
    EXPECT_EQ(power->mean_mw, power->peak_mw);
    return power->mean_mw;
  }
};

TEST_F(PowerTest, JetsonNano) {
  // /sys/bus/i2c/devices and the driver's folder lead to one chip.
  const std::string chip = "sys/devices/7000c400.i2c/i2c-6/6-0040";
  put(chip + "/name", "ina3221x\n");
  put_iio(chip + "/iio:device0", 0, "POM_5V_IN", 3120);
  put_iio(chip + "/iio:device0", 1, "POM_5V_GPU", 400);
  put_iio(chip + "/iio:device0", 2, "POM_5V_CPU", 900);
  link("sys/bus/i2c/devices/6-0040", chip);
  link("sys/bus/i2c/drivers/ina3221x/6-0040", chip);
  const FoundMeter found = find_power_meter(root_);
  ASSERT_TRUE(found.meter) << found.reason;
  EXPECT_EQ(found.meter->source(), "ina3221 POM_5V_IN");
  EXPECT_EQ(steady_mw(*found.meter), 3120);
}

TEST_F(PowerTest, NanoWithoutPowerFilesIsReadByVoltageAndCurrent) {
  const std::string chip = "sys/bus/i2c/drivers/ina3221x/6-0040";
  put(chip + "/name", "ina3221x\n");
  put_iio(chip + "/iio:device0", 0, "POM_5V_IN", 3120);
  fs::remove(root_ / chip / "iio:device0/in_power0_input");
  const FoundMeter found = find_power_meter(root_);
  ASSERT_TRUE(found.meter) << found.reason;
  EXPECT_EQ(steady_mw(*found.meter), 3120);
}

TEST_F(PowerTest, AgxXavierIsTheSumOfBothChips) {
  for (const char* address : {"1-0040", "1-0041"}) put(fmt::format("sys/bus/i2c/devices/{}/name", address), "ina3221x");
  put_iio("sys/bus/i2c/devices/1-0040/iio:device0", 0, "GPU", 1000);
  put_iio("sys/bus/i2c/devices/1-0040/iio:device0", 1, "CPU", 2000);
  put_iio("sys/bus/i2c/devices/1-0040/iio:device0", 2, "SOC", 1500);
  put_iio("sys/bus/i2c/devices/1-0041/iio:device1", 0, "CV", 0);
  put_iio("sys/bus/i2c/devices/1-0041/iio:device1", 1, "VDDRQ", 300);
  put_iio("sys/bus/i2c/devices/1-0041/iio:device1", 2, "SYS5V", 2500);
  const FoundMeter found = find_power_meter(root_);
  ASSERT_TRUE(found.meter) << found.reason;
  EXPECT_EQ(found.meter->source(), "ina3221 GPU + CPU + SOC + CV + VDDRQ + SYS5V");
  EXPECT_EQ(steady_mw(*found.meter), 7300);
}

TEST_F(PowerTest, XavierNxByJetPack4) {
  put("sys/bus/i2c/devices/7-0040/name", "ina3221x\n");
  put_iio("sys/bus/i2c/devices/7-0040/iio:device0", 0, "VDD_IN", 5220);
  put_iio("sys/bus/i2c/devices/7-0040/iio:device0", 1, "VDD_CPU_GPU_CV", 900);
  put_iio("sys/bus/i2c/devices/7-0040/iio:device0", 2, "VDD_SOC", 1200);
  const FoundMeter found = find_power_meter(root_);
  ASSERT_TRUE(found.meter) << found.reason;
  EXPECT_EQ(steady_mw(*found.meter), 5220);
}

TEST_F(PowerTest, OrinNano) {
  const std::string folder = "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1";
  put("sys/bus/i2c/drivers/ina3221/1-0040/name", "ina3221\n");
  put(folder + "/name", "ina3221\n");
  put_hwmon(folder, 1, "VDD_IN", 5000, 1240);
  put_hwmon(folder, 2, "VDD_CPU_GPU_CV", 5000, 300);
  put_hwmon(folder, 3, "VDD_SOC", 5000, 400);
  put(folder + "/in7_label", "sum of shunt voltages\n");
  put(folder + "/in7_input", "99999\n");
  const FoundMeter found = find_power_meter(root_);
  ASSERT_TRUE(found.meter) << found.reason;
  EXPECT_EQ(found.meter->source(), "ina3221 VDD_IN");
  EXPECT_EQ(steady_mw(*found.meter), 6200);
}

TEST_F(PowerTest, AgxOrinCountsNothingTwice) {
  const std::string first = "sys/class/hwmon/hwmon3", second = "sys/class/hwmon/hwmon4";
  for (const std::string& folder : {first, second}) put(folder + "/name", "ina3221\n");
  put("sys/class/hwmon/hwmon0/name", "pwmfan\n");
  put_hwmon(first, 1, "VDD_GPU_SOC", 19000, 200);
  put_hwmon(first, 2, "VDD_CPU_CV", 19000, 100);
  put_hwmon(first, 3, "VIN_SYS_5V0", 5000, 800);
  put_hwmon(second, 1, "NC", 0, 0);
  put_hwmon(second, 2, "VDDQ_VDD2_1V8AO", 5000, 300);
  const FoundMeter found = find_power_meter(root_);
  ASSERT_TRUE(found.meter) << found.reason;
  EXPECT_EQ(found.meter->source(), "ina3221 VDD_GPU_SOC + VDD_CPU_CV + VIN_SYS_5V0");
  EXPECT_EQ(steady_mw(*found.meter), 3800 + 1900 + 4000);
}

TEST_F(PowerTest, BetweenTwoReadingsPowerChangesEvenly) {
  put("sys/bus/i2c/devices/7-0040/name", "ina3221x\n");
  const std::string folder = "sys/bus/i2c/devices/7-0040/iio:device0";
  put_iio(folder, 0, "VDD_IN", 2000);
  const FoundMeter found = find_ina3221(root_);
  ASSERT_TRUE(found.meter);
  found.meter->read(kSecond);
  put_iio(folder, 0, "VDD_IN", 6000);
  auto power = found.meter->read(2 * kSecond);
  ASSERT_TRUE(power);
  EXPECT_EQ(power->mean_mw, 4000);
  EXPECT_EQ(power->peak_mw, 6000);
  // A reading that fails is bridged by the next one.
  for (const char* garbage : {"", "nan", "-5", "5000000", "12 mW"}) {
    put(folder + "/in_power0_input", garbage);
    put(folder + "/in_voltage0_input", garbage);
    EXPECT_FALSE(found.meter->read(3 * kSecond)) << garbage;
  }
  put_iio(folder, 0, "VDD_IN", 4000);
  power = found.meter->read(5 * kSecond);
  ASSERT_TRUE(power);
  EXPECT_EQ(power->mean_mw, 5000);
  EXPECT_EQ(power->span_ns, 3 * kSecond);
}

TEST_F(PowerTest, AnInaThatTellsNothingSaysSo) {
  put("sys/bus/i2c/devices/7-0040/name", "ina3221x\n");
  put("sys/bus/i2c/devices/7-0040/iio:device0/in_power0_input", "100");
  EXPECT_NE(find_ina3221(root_).reason.find("no named rail"), std::string::npos);
  put("sys/bus/i2c/devices/7-0040/iio:device0/rail_name_0", "VDD_IN");
  put("sys/bus/i2c/devices/7-0040/iio:device0/in_power0_input", "much");
  const FoundMeter found = find_ina3221(root_);
  EXPECT_FALSE(found.meter);
  EXPECT_NE(found.reason.find("VDD_IN"), std::string::npos) << found.reason;
}

TEST_F(PowerTest, RaplSumsPackagesAndMemory) {
  put_rapl("intel-rapl:0", "package-0", 1'000'000, 262143328850);
  put_rapl("intel-rapl:0:0", "core", 500'000, 262143328850);
  put_rapl("intel-rapl:0:2", "dram", 100'000, 65712999613);
  put_rapl("intel-rapl:1", "psys", 7, 262143328850);
  put_rapl("intel-rapl-mmio:0", "package-0", 1'000'000, 262143328850);
  const FoundMeter found = find_power_meter(root_);
  ASSERT_TRUE(found.meter) << found.reason;
  EXPECT_EQ(found.meter->source(), "rapl package-0 + dram");
  EXPECT_FALSE(found.meter->read(kSecond));
  put_rapl("intel-rapl:0", "package-0", 31'000'000, 262143328850);
  put_rapl("intel-rapl:0:2", "dram", 10'100'000, 65712999613);
  const auto power = found.meter->read(3 * kSecond);
  ASSERT_TRUE(power);
  EXPECT_DOUBLE_EQ(power->mean_mw, 20'000);  // 30 J + 10 J in 2 s
}

TEST_F(PowerTest, RaplCountersWrap) {
  put_rapl("intel-rapl:0", "package-0", 262'143'000'000, 262'143'328'850);
  const FoundMeter found = find_rapl(root_);
  ASSERT_TRUE(found.meter);
  found.meter->read(kSecond);
  put_rapl("intel-rapl:0", "package-0", 671'150, 262'143'328'850);
  auto power = found.meter->read(2 * kSecond);
  ASSERT_TRUE(power);
  EXPECT_DOUBLE_EQ(power->mean_mw, 1000);  // 328850 + 671150 uJ in 1 s

  // A counter that fell without saying where it wraps gives no energy, and counts on from there.
  fs::remove(root_ / "sys/class/powercap/intel-rapl:0/max_energy_range_uj");
  const FoundMeter blind = find_rapl(root_);
  blind.meter->read(kSecond);
  put("sys/class/powercap/intel-rapl:0/energy_uj", "1000\n");
  EXPECT_FALSE(blind.meter->read(2 * kSecond));
  put("sys/class/powercap/intel-rapl:0/energy_uj", "3000\n");
  power = blind.meter->read(3 * kSecond);
  ASSERT_TRUE(power);
  EXPECT_DOUBLE_EQ(power->mean_mw, 2);
}

TEST_F(PowerTest, RaplThatIsForRootSaysSo) {
  put("sys/class/powercap/intel-rapl:0/name", "package-0\n");
  put_unreadable("sys/class/powercap/intel-rapl:0/energy_uj");
  const FoundMeter found = find_power_meter(root_);
  EXPECT_FALSE(found.meter);
  EXPECT_NE(found.reason.find("takes root"), std::string::npos) << found.reason;
  EXPECT_NE(found.reason.find("no INA3221"), std::string::npos) << found.reason;
}

TEST_F(PowerTest, RaplGarbageIsNoMeter) {
  put_rapl("intel-rapl:0", "package-0", 5, 100);
  const FoundMeter good = find_rapl(root_);
  put("sys/class/powercap/intel-rapl:0/energy_uj", "99999999999999999999999\n");
  EXPECT_FALSE(find_rapl(root_).meter);
  good.meter->read(kSecond);
  EXPECT_FALSE(good.meter->read(2 * kSecond));
}

TEST_F(PowerTest, AMachineWithoutMetersSaysWhy) {
  const FoundMeter found = find_power_meter(root_);
  EXPECT_FALSE(found.meter);
  EXPECT_EQ(found.reason, "no INA3221; no RAPL");
}

}  // namespace
}  // namespace quench::platform
