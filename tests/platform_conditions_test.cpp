// Clocks, temperature, throttling, and what is concluded from samples, on trees that imitate each board's sysfs.
#include <algorithm>
#include <thread>

#include "platform/conditions.h"
#include "platform/watch.h"
#include "system_tree.h"

namespace quench::platform {
namespace {

namespace fs = std::filesystem;

class ConditionsTest : public SystemTree {
 protected:
  void put_zone(int number, const std::string& type, const std::string& temp) {
    put(fmt::format("sys/class/thermal/thermal_zone{}/type", number), type + "\n");
    put(fmt::format("sys/class/thermal/thermal_zone{}/temp", number), temp + "\n");
  }
  void put_cooling(int number, const std::string& type, const std::string& state) {
    put(fmt::format("sys/class/thermal/cooling_device{}/type", number), type + "\n");
    put(fmt::format("sys/class/thermal/cooling_device{}/cur_state", number), state + "\n");
  }
  void put_clock(int policy, int64_t now_khz, int64_t limit_khz, const std::string& driver = "tegra186-cpufreq",
                 const std::string& governor = "schedutil") {
    const std::string folder = fmt::format("sys/devices/system/cpu/cpufreq/policy{}/", policy);
    put(folder + "scaling_cur_freq", fmt::format("{}\n", now_khz));
    put(folder + "scaling_max_freq", fmt::format("{}\n", limit_khz));
    put(folder + "scaling_driver", driver + "\n");
    put(folder + "scaling_governor", governor + "\n");
  }
  void sample(ConditionsLog& log, int count = 1) {
    for (int i = 0; i < count; ++i) log.sample(now_ns_ += 100'000'000);
  }
  int64_t now_ns_ = 0;
};

bool has(const std::vector<std::string>& texts, const std::string& part) {
  return std::ranges::any_of(texts, [&](const std::string& text) { return text.find(part) != std::string::npos; });
}

TEST_F(ConditionsTest, AJetsonNanoUnderLoad) {
  put("sys/bus/i2c/devices/6-0040/name", "ina3221x\n");
  put("sys/bus/i2c/devices/6-0040/iio:device0/rail_name_0", "POM_5V_IN\n");
  put("sys/bus/i2c/devices/6-0040/iio:device0/in_power0_input", "4000\n");
  put_zone(0, "AO-therm", "45000");
  put_zone(1, "CPU-therm", "41500");
  put_zone(2, "GPU-therm", "40000");
  put_zone(3, "PMIC-Die", "100000");
  put_zone(4, "thermal-fan-est", "90000");
  put_cooling(0, "pwm-fan", "3");
  put_cooling(1, "gpu-throttle-alert", "0");
  put_clock(0, 1'479'000, 1'479'000, "tegra-cpufreq");
  ConditionsLog log(root_);
  EXPECT_TRUE(log.has_power());
  sample(log, 5);
  put("sys/bus/i2c/devices/6-0040/iio:device0/in_power0_input", "6000\n");
  put_zone(1, "CPU-therm", "43500");
  sample(log, 5);
  const Conditions conditions = log.conclude();
  EXPECT_DOUBLE_EQ(*conditions.power_mean_mw, 5000);  // 4 spans of 4 W, one in between, 4 of 6 W
  EXPECT_EQ(conditions.power_max_mw, 6000);
  EXPECT_EQ(conditions.power_source, "ina3221 POM_5V_IN");
  EXPECT_EQ(conditions.temperature_start_c, 41.5);
  EXPECT_EQ(conditions.temperature_end_c, 43.5);
  EXPECT_EQ(conditions.frequency_min_mhz, 1479);
  EXPECT_EQ(conditions.frequency_mean_mhz, 1479);
  EXPECT_EQ(conditions.throttled, false);
  EXPECT_TRUE(conditions.missing.empty());
  EXPECT_TRUE(conditions.throttled_by.empty());
}

TEST_F(ConditionsTest, NothingToReadIsNothingWithReasons) {
  ConditionsLog log(root_);
  sample(log, 10);
  const Conditions conditions = log.conclude();
  EXPECT_FALSE(conditions.power_mean_mw || conditions.power_source || conditions.temperature_start_c ||
               conditions.temperature_end_c || conditions.frequency_min_mhz || conditions.frequency_mean_mhz);
  EXPECT_FALSE(conditions.throttled.has_value()) << "nothing says yes or no";
  EXPECT_TRUE(has(conditions.missing, "power: no INA3221; no RAPL"));
  EXPECT_TRUE(has(conditions.missing, "temperature"));
  EXPECT_TRUE(has(conditions.missing, "frequency"));
  EXPECT_TRUE(has(conditions.missing, "throttling"));
}

TEST_F(ConditionsTest, GarbageIsNothingToo) {
  put_zone(0, "cpu-thermal", "-256000");  // Orin's sensors of parts that are off
  put_zone(1, "gpu-thermal", "hot");
  put_zone(2, "soc0-thermal", "");
  put_unreadable("sys/class/thermal/thermal_zone3/temp");
  put("sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "<unknown>\n");
  put_cooling(0, "cpu-throttle-alert", "?");
  put("sys/devices/platform/soc/soc:firmware/get_throttled", "zz");
  put("sys/class/thermal/cooling_device9", "a file where a folder should be");
  ConditionsLog log(root_);
  sample(log, 3);
  const Conditions conditions = log.conclude();
  EXPECT_FALSE(conditions.temperature_end_c || conditions.frequency_mean_mhz || conditions.throttled);
}

TEST_F(ConditionsTest, TemperatureIsThatOfTheHottestSensorThatMatters) {
  put_zone(0, "acpitz", "70000");
  EXPECT_EQ(read_temperature_c(root_), 70.0);  // where no sensor names the processor
  put("sys/class/hwmon/hwmon2/name", "k10temp\n");
  put("sys/class/hwmon/hwmon2/temp1_input", "48125\n");
  EXPECT_EQ(read_temperature_c(root_), 48.125);
  put_zone(1, "x86_pkg_temp", "52000");
  EXPECT_EQ(read_temperature_c(root_), 52.0);
}

TEST_F(ConditionsTest, FrequencyIsThatOfTheFastestCore) {
  put_clock(0, 600'000, 1'800'000);
  put_clock(4, 2'400'000, 2'400'000);
  const CpuClock clock = read_cpu_clock(root_);
  EXPECT_EQ(clock.fastest_khz, 2'400'000);
  EXPECT_EQ(clock.limit_khz, 2'400'000);
  fs::remove_all(root_ / "sys/devices/system/cpu/cpufreq");
  put("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1000000\n");  // old kernels
  EXPECT_EQ(read_cpu_clock(root_).fastest_khz, 1'000'000);
}

TEST_F(ConditionsTest, AFrequencyThatFallsIsThrottling) {
  put_clock(0, 3'000'000, 3'500'000, "intel_pstate");
  ConditionsLog log(root_);
  sample(log, 6);
  put_clock(0, 2'600'000, 3'500'000, "intel_pstate");
  sample(log, 6);
  const Conditions conditions = log.conclude();
  EXPECT_EQ(conditions.throttled, true);
  EXPECT_EQ(conditions.frequency_min_mhz, 2600);
  EXPECT_EQ(conditions.frequency_mean_mhz, 2800);
  EXPECT_TRUE(has(conditions.throttled_by, "fell from 3000 MHz to 2600 MHz"));

  // Too few samples for a trend, and a fall that is within a tenth.
  ConditionsLog few(root_);
  sample(few);
  put_clock(0, 1'000'000, 3'500'000, "intel_pstate");
  sample(few);
  EXPECT_EQ(few.conclude().throttled, false);
  ConditionsLog slight(root_);
  sample(slight, 6);
  put_clock(0, 930'000, 3'500'000, "intel_pstate");
  sample(slight, 6);
  EXPECT_EQ(slight.conclude().throttled, false);
}

TEST_F(ConditionsTest, ALimitThatIsLoweredIsThrottling) {
  put_clock(0, 1'500'000, 1'500'000);
  ConditionsLog log(root_);
  sample(log, 6);
  put_clock(0, 1'400'000, 1'400'000);
  sample(log, 1);
  put_clock(0, 1'500'000, 1'500'000);
  sample(log, 5);
  EXPECT_EQ(log.conclude().throttled, true);
  EXPECT_TRUE(has(log.conclude().throttled_by, "lowered from 1500 MHz to 1400 MHz"));
}

TEST_F(ConditionsTest, StayingBelowAReachableLimitIsThrottling) {
  put_clock(0, 600'000, 1'500'000, "cpufreq-dt", "ondemand");
  ConditionsLog log(root_);
  sample(log, 4);
  EXPECT_EQ(log.conclude().throttled, true);
  EXPECT_TRUE(has(log.conclude().throttled_by, "below its limit: from 1500 MHz to 600 MHz"));
  // Not where all cores together never reach the limit, nor where the owner chose the frequency.
  for (const auto& [driver, governor] : std::vector<std::pair<std::string, std::string>>{
           {"intel_cpufreq", "schedutil"}, {"amd-pstate-epp", "performance"}, {"cpufreq-dt", "userspace"}, {"", ""}}) {
    put_clock(0, 600'000, 1'500'000, driver, governor);
    ConditionsLog other(root_);
    sample(other, 4);
    EXPECT_EQ(other.conclude().throttled, false) << driver << " " << governor;
  }
}

TEST_F(ConditionsTest, CoolingDevicesThatSlowTheProcessorAreThrottling) {
  put_cooling(0, "pwm-fan", "4");
  put_cooling(1, "devfreq-17000000.gpu", "18");  // the frequency in use
  put_cooling(2, "cpu-throttle-alert", "0");
  put_cooling(3, "thermal-cpufreq-0", "0");
  ConditionsLog log(root_);
  sample(log, 2);
  EXPECT_EQ(log.conclude().throttled, false);
  put_cooling(3, "thermal-cpufreq-0", "2");
  sample(log);
  put_cooling(3, "thermal-cpufreq-0", "0");
  sample(log, 2);
  EXPECT_EQ(log.conclude().throttled, true);
  EXPECT_TRUE(has(log.conclude().throttled_by, "thermal-cpufreq-0"));
  put_cooling(4, "intel_powerclamp", "-1");  // idle
  EXPECT_TRUE(ThrottleSigns(root_).look().empty());
}

TEST_F(ConditionsTest, RaspberryPiTellsByItsFirmware) {
  const std::string file = "sys/devices/platform/soc/soc:firmware/get_throttled";
  put(file, "50000\n");  // since boot, not now
  ThrottleSigns signs(root_);
  EXPECT_TRUE(signs.any());
  EXPECT_TRUE(signs.look().empty());
  put(file, "50005\n");
  EXPECT_EQ(signs.look(), (std::vector<std::string>{"the board's firmware says: under-voltage",
                                                    "the board's firmware says: throttled"}));
  put(file, "8\n");
  EXPECT_EQ(signs.look().size(), 1u);
}

TEST_F(ConditionsTest, RaspberryPisSupplyAlarm) {
  put("sys/class/hwmon/hwmon1/name", "rpi_volt\n");
  put("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "0\n");
  const ThrottleSigns signs(root_);
  EXPECT_TRUE(signs.look().empty());
  put("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n");
  EXPECT_EQ(signs.look().size(), 1u);
}

TEST_F(ConditionsTest, EventsCountFromTheBeginning) {
  put("sys/class/hwmon/hwmon3/name", "soctherm_oc\n");  // Orin
  put("sys/class/hwmon/hwmon3/oc1_event_cnt", "0\n");
  put("sys/class/hwmon/hwmon3/oc3_event_cnt", "27390\n");
  put("sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "12\n");
  put("sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "12\n");
  const ThrottleSigns signs(root_);
  EXPECT_TRUE(signs.look().empty()) << "what happened before is no matter";
  put("sys/class/hwmon/hwmon3/oc3_event_cnt", "27391\n");
  put("sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "13\n");
  put("sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "13\n");
  EXPECT_EQ(signs.look(), (std::vector<std::string>{"over-current event of kind 3", "thermal event of a core"}));
}

TEST_F(ConditionsTest, AMeterThatGoesAwayLeavesNoPower) {
  put("sys/class/powercap/intel-rapl:0/name", "package-0\n");
  put("sys/class/powercap/intel-rapl:0/energy_uj", "1000\n");
  ConditionsLog log(root_);
  sample(log);
  fs::remove_all(root_ / "sys/class/powercap");
  sample(log, 3);
  EXPECT_FALSE(log.conclude().power_mean_mw);
  EXPECT_TRUE(has(log.conclude().missing, "could not be read twice"));
}

TEST_F(ConditionsTest, AWatchSamplesOnItsOwn) {
  put_clock(0, 1'000'000, 2'000'000, "intel_pstate");
  Watch watch(root_, std::chrono::milliseconds(1));
  EXPECT_TRUE(watch.end().missing.empty()) << "never begun";
  for (int round = 0; round < 2; ++round) {
    watch.begin();
    put_clock(0, 500'000, 2'000'000, "intel_pstate");
    // The file is seen within the time, however slow the machine is: the watch goes on until it ends.
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    put_clock(0, 1'000'000, 2'000'000, "intel_pstate");
    const Conditions conditions = watch.end();
    EXPECT_EQ(conditions.frequency_min_mhz, 500);
    EXPECT_GT(*conditions.frequency_mean_mhz, 500);
  }
  watch.begin();  // and stops where it is dropped while on
}

TEST(Conditions, ThisMachineCanBeRead) {
  ConditionsLog log("/");
  log.sample(1);
  log.sample(2);
  const Conditions conditions = log.conclude();
  EXPECT_EQ(conditions.power_mean_mw.has_value(), conditions.power_source.has_value());
  if (!conditions.power_source) {
    EXPECT_TRUE(has(conditions.missing, "power: "));
  }
}

}  // namespace
}  // namespace quench::platform
