#include <gtest/gtest.h>

#include "config/change.h"
#include "config/option.h"
#include "config/validate.h"

namespace nat {
namespace {

using namespace std::chrono_literals;

Settings running() {
  const Document document = parse_assignments(
      {"interfaces.internal=lan0", "interfaces.external=wan0", "udp.timeout=10min"}, "test");
  return *validate({}, {&document, 1});
}

TEST(ConfigChange, SetChangesWhatItNamesAndKeepsTheRest) {
  const auto wanted = apply_assignments(running(), {"udp.mapping=address-dependent", "tcp.opening=30s"});
  ASSERT_TRUE(wanted);
  EXPECT_EQ(wanted->policy.udp.mapping, Behavior::address_dependent);
  EXPECT_EQ(wanted->policy.timeouts.tcp_opening, Duration(30s));
  EXPECT_EQ(wanted->policy.timeouts.udp, Duration(10min));
  EXPECT_EQ(wanted->internal_interface, "lan0");
}

TEST(ConfigChange, OneWrongAssignmentRefusesAll) {
  const auto wanted =
      apply_assignments(running(), {"udp.timeout=6min", "udp.maping=x", "tcp.opening=soon", "x"});
  ASSERT_FALSE(wanted);
  EXPECT_EQ(wanted.problems().size(), 3U);
}

TEST(ConfigChange, SetKeepsToTheFloors) {
  EXPECT_FALSE(apply_assignments(running(), {"udp.timeout=10s"}));
  EXPECT_TRUE(apply_assignments(running(), {"lab=yes", "udp.timeout=10s"}));
}

TEST(ConfigChange, TheLaboratoryCannotBeLeftWithValuesBelowTheFloor) {
  const auto lab = apply_assignments(running(), {"lab=yes", "udp.timeout=10s"});
  ASSERT_TRUE(lab);
  EXPECT_FALSE(apply_assignments(*lab, {"lab=no"}));
  EXPECT_TRUE(apply_assignments(*lab, {"lab=no", "udp.timeout=5min"}));
}

TEST(ConfigChange, SetRefusesWhatNeedsARestart) {
  const auto wanted = apply_assignments(running(), {"datapath.kind=tun"});
  ASSERT_FALSE(wanted);
  EXPECT_EQ(
      to_string(wanted.problems()),
      "error: datapath.kind takes effect only when natd starts; change it in the file and restart natd\n");
  EXPECT_TRUE(apply_assignments(running(), {"datapath.kind=auto"})) << "nothing changes";
}

TEST(ConfigChange, AListIsReplaced) {
  const auto one = apply_assignments(running(), {"forward.rule=tcp 80 -> 10.0.0.1"});
  ASSERT_TRUE(one);
  const auto other =
      apply_assignments(*one, {"forward.rule=udp 53 -> 10.0.0.1", "forward.rule=udp 54 -> 10.0.0.1"});
  ASSERT_TRUE(other);
  EXPECT_EQ(other->port_forwards.size(), 2U);
  const auto none = apply_assignments(*other, {"forward.rule="});
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->port_forwards.empty());
}

TEST(ConfigChange, DifferencesHaveOldAndNew) {
  const auto wanted = apply_assignments(running(), {"udp.timeout=6min", "udp.filtering=address-dependent"});
  ASSERT_TRUE(wanted);
  const auto changes = diff(running(), *wanted);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].key, "udp.timeout");
  EXPECT_EQ(changes[0].old_value, "10min");
  EXPECT_EQ(changes[0].new_value, "6min");
  EXPECT_FALSE(changes[0].needs_restart);
  EXPECT_TRUE(diff(running(), running()).empty());
}

TEST(ConfigChange, APresetSetsAllThreeProtocols) {
  for (const Preset& preset : kPresets) {
    const auto wanted = apply_assignments(running(), preset_assignments(preset));
    ASSERT_TRUE(wanted) << preset.name;
    for (const Protocol protocol : kProtocols) {
      EXPECT_EQ(wanted->policy.of(protocol), (ProtocolPolicy{preset.mapping, preset.filtering}))
          << preset.name;
    }
  }
}

TEST(ConfigChange, AReloadTakesOverAllButWhatNeedsARestart) {
  Settings wanted = running();
  wanted.policy.timeouts.udp = 7min;
  wanted.datapath = DatapathKind::tun;
  wanted.gateway_ports = {50000, 50999};
  const Reload reload = plan_reload(running(), wanted);
  EXPECT_EQ(reload.settings.policy.timeouts.udp, Duration(7min));
  EXPECT_EQ(reload.settings.datapath, DatapathKind::automatic);
  EXPECT_EQ(reload.settings.gateway_ports, (PortRange{60000, 60999}));
  EXPECT_EQ(reload.settings.policy.reserved_ports, running().policy.reserved_ports);
  std::vector<std::string> restart;
  for (const Change& change : reload.changes) {
    if (change.needs_restart) restart.push_back(change.key);
  }
  EXPECT_EQ(reload.changes.size(), 3U);
  EXPECT_EQ(restart, (std::vector<std::string>{"ports.gateway", "datapath.kind"}));
}

TEST(ConfigChange, ShowHasEveryKeyAndMarksTheDefaults) {
  const auto shown = show(running());
  ASSERT_EQ(shown.size(), options().size());
  for (const ShownOption& row : shown) {
    const bool changed =
        row.key == "udp.timeout" || row.key == "interfaces.internal" || row.key == "interfaces.external";
    EXPECT_EQ(row.is_default, !changed) << row.key;
    EXPECT_EQ(row.is_default, row.value == row.default_value) << row.key;
  }
}

// What `natctl show config` prints can be given back.
TEST(ConfigChange, ShownSettingsReadBackAsTheSame) {
  const auto settings = apply_assignments(
      running(), {"forward.rule=tcp 80 -> 10.0.0.1 name=a, udp 203.0.113.6:53 -> 10.0.0.2:5353",
                  "ports.ranges=1024-2000,3000-4000", "ports.parity=yes"});
  ASSERT_TRUE(settings);
  std::vector<std::string> assignments;
  for (const ShownOption& row : show(*settings))
    assignments.push_back(std::string(row.key) + "=" + row.value);
  const Document document = parse_assignments(assignments, "shown");
  const auto again = validate({}, {&document, 1});
  ASSERT_TRUE(again) << to_string(again.problems());
  EXPECT_EQ(*again, *settings);
}

}  // namespace
}  // namespace nat
