// Every screen of natctl, against a natd that is a few lines of JSON.
#include <sstream>

#include <gtest/gtest.h>

#include "natd/engine/lock_holds.h"
#include "natd/natctl/natctl.h"
#include "translation/net/reason.h"
#include "translation/state/tcp_track.h"

namespace nat {
namespace {

struct Screen {
  int code = 0;
  std::string out;
  std::string err;
};

// The lines of more than 80 characters.
std::string too_wide(const std::string& out) {
  std::istringstream lines(out);
  std::string found;
  for (std::string line; std::getline(lines, line);) {
    if (line.size() > 80) found += line + "\n";
  }
  return found;
}

// A natd that answers anything with the same items and last message, and keeps what it was asked.
class NatctlScreens : public testing::Test {
 protected:
  Screen run(std::vector<std::string> arguments, Terminals terminals = {}) {
    std::ostringstream out, err;
    const auto ask = [this](const std::string& path, const Request& request,
                            const ControlClient::Sink& sink) -> ControlResult<Json> {
      asked_path = path;
      asked = request;
      if (error) return *error;
      for (const Json& item : items) {
        if (!sink(item)) break;
      }
      return done;
    };
    Screen screen;
    screen.code = natctl(arguments, terminals, out, err, ask);
    screen.out = out.str();
    screen.err = err.str();
    return screen;
  }

  Json items = Json::array();
  Json done = {{"id", 0}, {"done", true}};
  std::optional<ControlError> error;
  std::string asked_path;
  Request asked;
};

Json mapping(std::uint64_t id, const char* proto, const char* internal, const char* external,
             const char* filtering) {
  return {{"id", id},
          {"proto", proto},
          {"internal", internal},
          {"external", external},
          {"filtering", filtering},
          {"sessions", 1},
          {"expires", 296.4},
          {"origin", "dynamic"}};
}

TEST_F(NatctlScreens, ShowMappings) {
  items = {mapping(1029, "udp", "192.168.1.20:51820", "203.0.113.5:51820", "address-dependent"),
           mapping(7, "tcp", "192.168.1.20:443", "203.0.113.5:8443", "endpoint-independent")};
  items[1]["expires"] = nullptr;
  items[1]["origin"] = "configured";
  items[1]["name"] = "web";
  done["total"] = 5121;
  const Screen screen = run({"show", "mappings", "internal", "192.168.1.20"}, {false, true, false});
  EXPECT_EQ(screen.code, 0);
  EXPECT_EQ(screen.out,
            "PROTO  INTERNAL            EXTERNAL           FILTERING  SESSIONS   LEFT\n"
            "tcp    192.168.1.20:443    203.0.113.5:8443   any               1      -\n"
            "       configured \"web\"\n"
            "udp    192.168.1.20:51820  203.0.113.5:51820  address           1  4m56s\n");
  EXPECT_EQ(screen.err, "2 of 5121 mappings shown\n");
  EXPECT_EQ(asked.filter.internal->to_string(), "192.168.1.20");
}

TEST_F(NatctlScreens, MappingsMadeForARemoteSayForWhich) {
  items = {mapping(1, "udp", "10.0.0.1:5", "203.0.113.5:5", "address-and-port-dependent"),
           mapping(2, "udp", "10.0.0.1:5", "203.0.113.5:6", "address-and-port-dependent")};
  items[1]["remote"] = "192.0.2.1:80";
  EXPECT_EQ(run({"-H", "show", "mappings"}).out,
            "udp  10.0.0.1:5  203.0.113.5:5  addr+port  1  4m56s\n"
            "udp  10.0.0.1:5  203.0.113.5:6  addr+port  1  4m56s  for 192.0.2.1:80\n");
  items[1]["origin"] = "leased";
  EXPECT_EQ(run({"-H", "show", "mappings"}).out,
            "udp  10.0.0.1:5  203.0.113.5:5  addr+port  1  4m56s\n"
            "udp  10.0.0.1:5  203.0.113.5:6  addr+port  1  4m56s  for 192.0.2.1:80, leased\n");
}

TEST_F(NatctlScreens, AnEmptyTableIsNoHeaderButASentence) {
  done["total"] = 0;
  const Screen screen = run({"show", "mappings"}, {false, true, false});
  EXPECT_EQ(screen.out, "");
  EXPECT_EQ(screen.err, "0 mappings\n");
  EXPECT_EQ(run({"show", "mappings"}).err, "") << "nobody reads it";
}

TEST_F(NatctlScreens, SessionsStandUnderTheirMapping) {
  items = {{{"mapping", 1030},
            {"proto", "tcp"},
            {"state", "established"},
            {"internal", "192.168.1.20:40112"},
            {"external", "203.0.113.5:40112"},
            {"remote", "192.0.2.44:443"},
            {"sent", 1258291},
            {"received", 92379545},
            {"expires", 7429.0}}};
  EXPECT_EQ(run({"show", "sessions", "proto", "tcp"}).out,
            "  REMOTE          STATE           SENT  RECEIVED   LEFT\n"
            "tcp 192.168.1.20:40112 = 203.0.113.5:40112\n"
            "  192.0.2.44:443  established  1.2 MiB  88.1 MiB  2h03m\n");
  items.push_back(items[0]);
  items[1]["remote"] = "192.0.2.45:443";
  items.push_back(items[0]);
  items[2]["mapping"] = 1029;
  items[2]["internal"] = "192.168.1.20:9";
  EXPECT_EQ(run({"-H", "show", "sessions"}).out,
            "tcp 192.168.1.20:9 = 203.0.113.5:40112\n"
            "  192.0.2.44:443  established  1.2 MiB  88.1 MiB  2h03m\n"
            "tcp 192.168.1.20:40112 = 203.0.113.5:40112\n"
            "  192.0.2.44:443  established  1.2 MiB  88.1 MiB  2h03m\n"
            "  192.0.2.45:443  established  1.2 MiB  88.1 MiB  2h03m\n");
}

TEST_F(NatctlScreens, JsonIsOneObjectWithAVersion) {
  items = {mapping(1, "udp", "10.0.0.1:5", "203.0.113.5:5", "address-dependent")};
  done["total"] = 1;
  EXPECT_EQ(
      run({"--json", "show", "mappings"}).out,
      "{\"version\":1,\"mappings\":[{\"id\":1,\"proto\":\"udp\",\"internal\":\"10.0.0.1:5\",\"external\":"
      "\"203.0.113.5:5\",\"filtering\":\"address-dependent\",\"sessions\":1,\"expires\":296.4,\"origin\":"
      "\"dynamic\"}],\"total\":1}\n");
}

TEST_F(NatctlScreens, ShowStatsBeginsWithWarnings) {
  done = {{"natd", "0.1.0"}, {"warnings", {"something is amiss"}}};
  const std::string out = run({"show", "stats"}).out;
  EXPECT_NE(out.find("\n\nwarning: something is amiss\n\n"), std::string::npos) << out;
}

TEST_F(NatctlScreens, ShowStatsHidesZeros) {
  done = {{"natd", "0.1.0"},
          {"uptime", 7500},
          {"datapath", "nfqueue"},
          {"internal", "lan0"},
          {"external", "wan0"},
          {"addresses", {"203.0.113.5"}},
          {"reasons",
           {{{"outcome", "forward"},
             {"reason", "translated"},
             {"packets", 91204},
             {"bytes", 2048},
             {"from_internal", 91000},
             {"from_external", 204},
             {"sentence", "Rewritten and forwarded."}},
            {{"outcome", "drop"}, {"reason", "no-mapping"}, {"packets", 0}, {"sentence", "Unsolicited."}}}},
          {"counters", {{"mappings_created", 3}, {"mappings_removed", 0}}},
          {"gauges", {{"mappings", 3}, {"mappings_limit", 65536}, {"held_fragments", 0}}},
          {"datapath_counters", {{"queue-overruns", 0}}},
          {"lock_holds",
           {{"packets", {{"count", 91204}, {"longest", 0.0000612}}},
            {"expiry", {{"count", 7500}, {"longest", 0.0031}}},
            {"apply", {{"count", 0}, {"longest", 0.0}}},
            {"control", {{"count", 1}, {"longest", 2.42}}}}}};
  items = {
      {{"address", "203.0.113.5"}, {"proto", "udp"}, {"used", 640}, {"quarantined", 0}, {"capacity", 64000}}};
  EXPECT_EQ(run({"show", "stats"}).out,
            "natd 0.1.0  up 2h05m  nfqueue  lan0 -> wan0 203.0.113.5\n"
            "\n"
            "OUTCOME  REASON      FROM INSIDE  FROM OUTSIDE    BYTES\n"
            "forward  translated        91000           204  2.0 KiB\n"
            "\n"
            "TABLE     NOW  LIMIT  FULL\n"
            "mappings    3  65536  0.0%\n"
            "\n"
            "ADDRESS      PROTO  PORTS USED  QUARANTINED  CAPACITY  FULL\n"
            "203.0.113.5  udp           640            0     64000  1.0%\n"
            "\n"
            "COUNTER           VALUE\n"
            "mappings-created      3\n"
            "queue-overruns        0\n"
            "\n"
            "LOCK HELD FOR  PACKETS  EXPIRY  APPLY  CONTROL\n"
            "times            91204    7500      0        1\n"
            "longest           61us   3.1ms      -     2.4s\n");
  EXPECT_NE(run({"show", "stats", "--all", "--explain"}).out.find("no-mapping"), std::string::npos);
  EXPECT_NE(run({"show", "stats", "--explain"}).out.find("Rewritten and forwarded."), std::string::npos);
}

TEST_F(NatctlScreens, ShowConfigShowsDefaultsThatAreNotInForce) {
  items = {{{"key", "udp.timeout"}, {"value", "10min"}, {"default", "5min"}},
           {{"key", "tcp.opening"}, {"value", "4min"}, {"default", "4min"}},
           {{"key", "pool.address"}, {"value", ""}, {"default", ""}}};
  EXPECT_EQ(run({"show", "config"}).out,
            "KEY           VALUE\n"
            "udp.timeout   10min  default 5min\n"
            "tcp.opening   4min\n"
            "pool.address  -\n");
  EXPECT_EQ(run({"-H", "show", "config", "udp"}).out, "udp.timeout  10min  default 5min\n");
  EXPECT_EQ(run({"show", "config", "udp.tmeout"}).code, 4);
  done["misbehaving"] = {"nat.hairpin = no breaks RFC 4787 REQ-9",
                         "udp.timeout = 1s is below the 2min of it"};
  EXPECT_EQ(run({"-H", "show", "config", "udp"}).out,
            "MISBEHAVING: nat.hairpin = no breaks RFC 4787 REQ-9; udp.timeout = 1s is below the 2min of it\n"
            "udp.timeout  10min  default 5min\n");
  EXPECT_NE(run({"--json", "show", "config", "udp"}).out.find("\"misbehaving\":[\"nat.hairpin = no"),
            std::string::npos);
  EXPECT_TRUE(run({"show", "stats"}).out.starts_with("MISBEHAVING: nat.hairpin = no"));
}

TEST_F(NatctlScreens, ModeSaysWhatChangedAndWhatWasKept) {
  done["changes"] = {
      {{"key", "udp.mapping"}, {"old", "endpoint-independent"}, {"new", "address-dependent"}},
      {{"key", "tcp.filtering"}, {"old", "address-dependent"}, {"new", "endpoint-independent"}}};
  done["kept"] = {{"mappings", 12}, {"sessions", 1}};
  const Screen screen = run({"mode", "symmetric"});
  EXPECT_EQ(screen.out,
            "udp.mapping    endpoint-independent  ->  address-dependent\n"
            "tcp.filtering  address-dependent     ->  endpoint-independent\n"
            "kept 12 mappings and 1 session\n");
  EXPECT_EQ(asked.assignments,
            (std::vector<std::string>{
                "udp.mapping=address-and-port-dependent", "udp.filtering=address-and-port-dependent",
                "tcp.mapping=address-and-port-dependent", "tcp.filtering=address-and-port-dependent",
                "icmp.mapping=address-and-port-dependent", "icmp.filtering=address-and-port-dependent"}));
}

TEST_F(NatctlScreens, ModeAloneShowsThePresentOne) {
  for (const char* proto : {"udp", "tcp", "icmp"}) {
    const std::string section = proto;
    const bool odd = section == "tcp";
    items.push_back(
        {{"key", section + ".mapping"}, {"value", odd ? "address-dependent" : "endpoint-independent"}});
    items.push_back({{"key", section + ".filtering"}, {"value", "endpoint-independent"}});
  }
  EXPECT_EQ(run({"mode"}).out,
            "PROTO  MAPPING               FILTERING\n"
            "udp    endpoint-independent  endpoint-independent  full-cone\n"
            "tcp    address-dependent     endpoint-independent\n"
            "icmp   endpoint-independent  endpoint-independent  full-cone\n");
}

TEST_F(NatctlScreens, PortForwardAddAndDel) {
  done["changed"] = true;
  done["port_forward"] = {{"id", 7},
                          {"proto", "tcp"},
                          {"external", "203.0.113.5:8443"},
                          {"internal", "192.168.1.20:443"},
                          {"name", "web"}};
  EXPECT_EQ(run({"port-forward", "add", "tcp", "8443", "192.168.1.20:443", "--name", "web"}).out,
            "added mapping 7: tcp 203.0.113.5:8443 -> 192.168.1.20:443 \"web\"\n");
  EXPECT_EQ(asked.forward.name, "web");
  EXPECT_EQ(asked.forward.external.port, 8443);
  EXPECT_EQ(run({"port-forward", "del", "tcp", "8443"}).out,
            "removed mapping 7: tcp 203.0.113.5:8443 -> 192.168.1.20:443 \"web\"\n");
  EXPECT_EQ(asked.which, "tcp 8443");
  run({"port-forward", "del", "--name", "web"});
  EXPECT_EQ(asked.which, "web");
  run({"port-forward", "del", "tcp", "8443", "192.168.1.20:443"});
  EXPECT_EQ(asked.which, "tcp 8443 -> 192.168.1.20:443");
  done["changed"] = false;
  EXPECT_EQ(run({"port-forward", "add", "tcp", "8443", "192.168.1.20:443", "--name=web"}).out,
            "there already: mapping 7: tcp 203.0.113.5:8443 -> 192.168.1.20:443 \"web\"\n");
}

TEST_F(NatctlScreens, TraceEndsWithTheRemedyAndExitsWithOneWhenItDrops) {
  done["steps"] = {
      {{"step", "parse"}, {"outcome", "ok"}, {"detail", "inbound, arrived from the external side"}},
      {{"step", "filtering"}, {"outcome", "deny"}, {"detail", "address-dependent; contacted: nobody"}},
      {{"step", "verdict"}, {"outcome", "drop"}, {"detail", "filtered-by-address"}}};
  done["outcome"] = "drop";
  done["remedy"] = "natctl set udp.filtering=endpoint-independent";
  const Screen screen = run({"trace", "udp", "198.51.100.7:9999", "203.0.113.5:51820"});
  EXPECT_EQ(screen.code, 1);
  EXPECT_EQ(screen.out,
            "parse      ok    inbound, arrived from the external side\n"
            "filtering  deny  address-dependent; contacted: nobody\n"
            "verdict    drop  filtered-by-address\n"
            "would pass with: natctl set udp.filtering=endpoint-independent\n");
  EXPECT_EQ(asked.trace.in, std::nullopt) << "natd guesses";
}

TEST_F(NatctlScreens, TraceSaysHowThePacketLeaves) {
  done["outcome"] = "forward";
  done["out"] = "external";
  done["source"] = nullptr;
  done["destination"] = "192.0.2.1:80";
  const Screen screen = run({"trace", "icmp", "10.0.0.1", "192.0.2.1", "--out"});
  EXPECT_EQ(screen.code, 0);
  EXPECT_EQ(screen.out, "leaves on the external side: a new external endpoint -> 192.0.2.1:80\n");
  EXPECT_EQ(asked.trace.in, Realm::internal);
}

TEST_F(NatctlScreens, TraceListsRefusedPackets) {
  items = {{{"number", 12},
            {"age", 3.2},
            {"packets", 41},
            {"in", "external"},
            {"reason", "no-mapping"},
            {"proto", "udp"},
            {"source", "198.51.100.7:9999"},
            {"destination", "203.0.113.5:51820"}}};
  done["total"] = 1;
  done["unlisted"] = 0;
  const Screen screen = run({"trace"});
  EXPECT_EQ(screen.code, 0);
  EXPECT_EQ(screen.out,
            "NUMBER  AGO  PACKETS  PROTO  SOURCE             DESTINATION\n"
            "    12   3s       41  udp    198.51.100.7:9999  203.0.113.5:51820  no-mapping\n");
  EXPECT_EQ(asked.command, ControlCommand::show_refused);
  run({"trace", "--refused", "reason", "no-mapping"});
  EXPECT_EQ(asked.filter.reason, Reason::no_mapping);
}

TEST_F(NatctlScreens, TraceOfANumberTellsThenAndNow) {
  done["outcome"] = "forward";
  done["out"] = "internal";
  done["source"] = "198.51.100.7:9999";
  done["destination"] = "192.168.1.41:51820";
  done["refused"] = {{"packets", 1},
                     {"age", 64.0},
                     {"proto", "udp"},
                     {"source", "198.51.100.7:9999"},
                     {"destination", "203.0.113.5:51820"},
                     {"steps", {{{"step", "verdict"}, {"outcome", "drop"}, {"detail", "no-mapping"}}}},
                     {"outcome", "drop"},
                     {"remedy", "none: for the sake of the example"}};
  const Screen screen = run({"trace", "12"});
  EXPECT_EQ(screen.code, 0);
  EXPECT_EQ(screen.out,
            "refused 1 time, the last 1m04s ago: udp 198.51.100.7:9999 > 203.0.113.5:51820\n"
            "verdict  drop  no-mapping\n"
            "nothing would let it pass: for the sake of the example\n"
            "\n"
            "now:\n"
            "leaves on the internal side: 198.51.100.7:9999 -> 192.168.1.41:51820\n");
  EXPECT_EQ(asked.trace.number, 12U);
}

TEST_F(NatctlScreens, WhosePortItIs) {
  done["block"] = {
      {"external", "203.0.113.5"}, {"first", 1024}, {"last", 5055}, {"extra", false}, {"host", "10.0.0.1"}};
  done["holders"] = {{{"proto", "udp"}, {"internal", "10.0.0.1:4321"}, {"state", "in-use"}}};
  const Screen screen = run({"whose", "203.0.113.5", "2001"});
  EXPECT_EQ(screen.code, 0);
  EXPECT_EQ(screen.out,
            "block 203.0.113.5 1024-5055 of 10.0.0.1\n"
            "PROTO  INTERNAL       STATE\n"
            "udp    10.0.0.1:4321  in-use\n");
  EXPECT_EQ(asked.whose.to_string(), "203.0.113.5:2001");
}

TEST_F(NatctlScreens, BlocksOfAHost) {
  done["host"] = "10.0.0.1";
  done["blocks"] = {{{"external", "203.0.113.5"}, {"first", 1024}, {"last", 5055}, {"extra", false}},
                    {{"external", "203.0.113.5"}, {"first", 57472}, {"last", 57535}, {"extra", true}}};
  EXPECT_EQ(run({"whose", "10.0.0.1"}).out,
            "BLOCK                    KIND\n"
            "203.0.113.5 1024-5055    own\n"
            "203.0.113.5 57472-57535  extra\n");
  done["blocks"] = Json::array();
  EXPECT_EQ(run({"whose", "10.0.0.1"}).out, "10.0.0.1 has no block of ports\n");
}

TEST_F(NatctlScreens, WatchPrintsOneEventOnEachLine) {
  setenv("TZ", "UTC", 1);
  const Json base{{"time", 1000000000.113},
                  {"id", 1031},
                  {"proto", "udp"},
                  {"internal", "192.168.1.41:3074"},
                  {"external", "203.0.113.5:3074"},
                  {"origin", "dynamic"}};
  for (const char* kind : {"mapping-created", "mapping-removed"}) {
    items.push_back(base);
    items.back()["event"] = kind;
  }
  items[1]["cause"] = "expired";
  items.push_back({{"time", 1000000001.0},
                   {"event", "refused"},
                   {"reason", "filtered-by-address"},
                   {"proto", "udp"},
                   {"source", "198.51.100.7:9999"},
                   {"destination", "203.0.113.5:51820"},
                   {"packets", 37},
                   {"interval", 1.0}});
  items.push_back({{"time", 1000000002.0}, {"event", "lost"}, {"count", 5}});
  EXPECT_EQ(run({"watch"}).out,
            "01:46:40.113 + mapping 1031 udp 192.168.1.41:3074 = 203.0.113.5:3074\n"
            "01:46:40.113 - mapping 1031 udp 192.168.1.41:3074 = 203.0.113.5:3074, expired\n"
            "01:46:41.000 ! drop filtered-by-address udp 198.51.100.7:9999 > 203.0.113.5:51820 (x37 in 1s)\n"
            "01:46:42.000 ? lost 5 events: too many at once\n");
  items = {{{"time", 1.0}, {"event", "lost"}, {"count", 5}}};
  EXPECT_EQ(run({"--json", "watch"}).out, "{\"time\":1.0,\"event\":\"lost\",\"count\":5}\n");
}

TEST_F(NatctlScreens, FlushSaysHowMuchWent) {
  done["removed"] = {{"mappings", 1}, {"sessions", 3}};
  EXPECT_EQ(run({"flush", "proto", "udp"}).out, "removed 1 mapping and 3 sessions\n");
}

TEST_F(NatctlScreens, ExitCodesSayWhatKindOfFailureItWas) {
  const auto code_for = [this](const char* code) {
    error = ControlError{code, "message", "hint"};
    return run({"show", "stats"}).code;
  };
  EXPECT_EQ(code_for("unreachable"), 3);
  EXPECT_EQ(code_for("not-found"), 4);
  EXPECT_EQ(code_for("refused"), 1);
  EXPECT_EQ(run({"show", "stats"}).err, "natctl: message\n        hint\n");
  EXPECT_EQ(run({"--json", "show", "stats"}).out,
            "{\"error\":{\"code\":\"refused\",\"message\":\"message\",\"hint\":\"hint\"}}\n");
}

TEST_F(NatctlScreens, NothingIsAskedWhenTheCommandIsNotUnderstood) {
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"nonsense"},
      {"show"},
      {"show", "nonsense"},
      {"show", "mappings", "proto"},
      {"show", "stats", "--every"},
      {"mode", "fullcone"},
      {"set"},
      {"set", "udp.timeout"},
      {"port-forward"},
      {"port-forward", "add", "tcp", "70000", "10.0.0.1:1"},
      {"port-forward", "add", "icmp", "7", "10.0.0.1:1"},
      {"port-forward", "add", "tcp", "7", "10.0.0.1:1", "--name"},
      {"port-forward", "del"},
      {"trace", "udp", "10.0.0.1", "192.0.2.1:80"},
      {"whose"},
      {"whose", "203.0.113"},
      {"whose", "203.0.113.5", "0"},
      {"trace", "udp", "10.0.0.1:1", "192.0.2.1:80", "--in", "--out"},
      {"--color=sometimes", "show", "stats"},
      {"--control"},
  };
  for (const auto& arguments : wrong) {
    asked_path.clear();
    const Screen screen = run(arguments);
    EXPECT_EQ(screen.code, 2) << (arguments.empty() ? "" : arguments.back());
    EXPECT_EQ(asked_path, "");
    EXPECT_EQ(screen.out, "");
    EXPECT_FALSE(screen.err.empty());
  }
}

TEST_F(NatctlScreens, OptionsStandAnywhere) {
  run({"show", "stats", "--control", "/tmp/x"});
  EXPECT_EQ(asked_path, "/tmp/x");
  run({"--control=/tmp/y", "show", "stats"});
  EXPECT_EQ(asked_path, "/tmp/y");
  run({"show", "stats"});
  EXPECT_EQ(asked_path, "/run/natd/control.sock");
}

TEST_F(NatctlScreens, ColoursAreForTerminalsThatWantThem) {
  items = {mapping(1, "udp", "10.0.0.1:5", "203.0.113.5:5", "address-dependent")};
  const auto coloured = [this](std::vector<std::string> arguments, Terminals terminals) {
    return run(std::move(arguments), terminals).out.find('\x1b') != std::string::npos;
  };
  EXPECT_FALSE(coloured({"show", "mappings"}, {false, false, false}));
  EXPECT_TRUE(coloured({"show", "mappings"}, {true, false, false}));
  EXPECT_FALSE(coloured({"show", "mappings"}, {true, false, true}));
  EXPECT_TRUE(coloured({"--color=always", "show", "mappings"}, {false, false, true}));
  EXPECT_FALSE(coloured({"--color=never", "show", "mappings"}, {true, false, false}));
}

// --- Widths

const std::string kWideEndpoint = "255.255.255.255:65535";
const std::string kWideBehavior = "address-and-port-dependent";

// An item of every table at once, each of its members as wide as it gets in years.
Json widest_item() {
  const std::uint64_t many = 9'999'999'999;
  const std::string sentence_of_two =
      std::string(sentence(Reason::address_option)) + " " + sentence(Reason::malformed_transport);
  Json item{{"proto", "icmp"},
            {"state", to_string(SessionState::internal_init)},
            {"outcome", "forward"},
            {"reason", to_string(Reason::filtered_by_port)},
            {"in", "internal"},
            {"active", false},
            {"filtering", kWideBehavior},
            {"origin", "configured"},
            {"name", std::string(32, 'n')},
            {"address", "255.255.255.255"},
            {"step", "misbehavior"},
            {"detail", sentence_of_two},
            {"sentence", sentence(Reason::address_option)},
            {"age", 60.0},
            {"expires", 99 * 86400.0}};
  for (const char* place : {"internal", "external", "remote", "source", "destination"})
    item[place] = kWideEndpoint;
  for (const char* number : {"id", "mapping", "from_internal", "from_external"}) item[number] = many;
  for (const char* bytes : {"bytes", "sent", "received"}) item[bytes] = UINT64_MAX;
  for (const char* ports : {"used", "quarantined", "capacity", "first", "last"}) item[ports] = 65535;
  item.update({{"number", 9'999'999}, {"packets", 99'999'999}, {"sessions", 99'999'999}});
  return item;
}

// The end of every answer at once.
Json widest_end() {
  Json end{{"gauges", {{"fragmented_datagrams", UINT32_MAX}, {"fragmented_datagrams_limit", UINT32_MAX}}},
           {"counters", {{"passed_without_session", UINT64_MAX}}},
           {"changes", {{{"key", "icmp.filtering"}, {"old", kWideBehavior}, {"new", kWideBehavior}}}}};
  for (const char* list : {"reasons", "steps", "holders", "blocks"}) end[list] = Json::array({widest_item()});
  for (const LockPurpose purpose : kLockPurposes)
    end["lock_holds"][to_string(purpose)] = {{"count", 9'999'999'999}, {"longest", 9999.0}};
  return end;
}

// A terminal in its usual size breaks what is longer, and then no column is one.
TEST_F(NatctlScreens, EveryTableFitsEightyColumnsWithTheWidestValues) {
  items = Json::array({widest_item()});
  done = widest_end();
  const std::vector<std::vector<std::string>> commands = {{"show", "mappings"},
                                                          {"show", "sessions"},
                                                          {"show", "stats", "--all", "--explain"},
                                                          {"port-forward", "list"},
                                                          {"trace"},
                                                          {"trace", "udp", kWideEndpoint, kWideEndpoint},
                                                          {"mode", "symmetric"},
                                                          {"whose", "10.0.0.1"},
                                                          {"whose", "203.0.113.5", "65535"}};
  for (const auto& command : commands) {
    const std::string out = run(command).out;
    EXPECT_NE(out, "") << command.front() << " " << command.back();
    EXPECT_EQ(too_wide(out), "") << command.front() << " " << command.back();
  }
}

TEST_F(NatctlScreens, TheModesAndSettingsFitEightyColumnsHoweverTheyDiffer) {
  for (const std::string protocol : {"udp", "tcp", "icmp"}) {
    const std::string mapping = protocol == "udp" ? "endpoint-independent" : kWideBehavior;
    items.push_back(
        {{"key", protocol + ".mapping"}, {"value", mapping}, {"default", "endpoint-independent"}});
    items.push_back(
        {{"key", protocol + ".filtering"}, {"value", kWideBehavior}, {"default", "address-dependent"}});
  }
  EXPECT_EQ(too_wide(run({"mode"}).out), "");
  EXPECT_EQ(too_wide(run({"show", "config"}).out), "");
  EXPECT_NE(run({"mode"}).out.find("port-restricted-cone"), std::string::npos);
}

TEST_F(NatctlScreens, HelpNamesEveryCommand) {
  const std::string help = run({"--help"}).out;
  for (const char* name :
       {"show mappings", "show sessions", "show stats", "show config", "mode", "set", "port-forward add",
        "port-forward del", "port-forward list", "flush", "watch", "trace", "whose"}) {
    EXPECT_NE(help.find(name), std::string::npos) << name;
  }
  EXPECT_NE(run({"trace", "--help"}).out.find("--in"), std::string::npos);
}

}  // namespace
}  // namespace nat
