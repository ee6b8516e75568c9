#include "tests/natcheck/report.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace nat::check {
namespace {

const Endpoint kLocal{Address(10, 0, 0, 1), 4321}, kExternal{Address(203, 0, 113, 11), 62000},
    kSender{Address(203, 0, 113, 11), 62001};

Findings friendly(Protocol protocol) {
  Findings findings;
  findings.protocol = protocol;
  findings.local = kLocal;
  findings.first_server = findings.second_server = findings.second_port = kExternal;
  findings.from_third_server.arrived = false;
  findings.from_third_server.response = protocol == Protocol::udp ? Outcome::sent : Outcome::pending;
  findings.from_second_port.arrived = true;
  findings.hairpin = {true, true, kSender, kSender, {Address(10, 0, 0, 1), 4322}};
  findings.payload_untouched = true;
  if (protocol == Protocol::tcp) findings.third_connection = Outcome::simultaneous;
  return findings;
}

Report friendly() {
  Report report;
  report.settings.servers = {Endpoint{Address(192, 0, 2, 31), 7475}, Endpoint{Address(192, 0, 2, 32), 7475},
                             Endpoint{Address(192, 0, 2, 33), 7475}};
  report.udp = friendly(Protocol::udp);
  report.tcp = friendly(Protocol::tcp);
  return report;
}

TEST(Report, IsAnAlignedTableThatEndsInTheVerdict) {
  EXPECT_EQ(table(friendly()),
            "S1 192.0.2.31:7475  S2 192.0.2.32:7475  S3 192.0.2.33:7475\n"
            "\n"
            "                                  UDP                            TCP\n"
            "local endpoint                    10.0.0.1:4321                  10.0.0.1:4321\n"
            "  seen by S1                      203.0.113.11:62000             203.0.113.11:62000\n"
            "  seen by S2                      203.0.113.11:62000             203.0.113.11:62000\n"
            "  seen by S2, second port         203.0.113.11:62000             203.0.113.11:62000\n"
            "translated                        yes                            yes\n"
            "mapping                           endpoint-independent           endpoint-independent\n"
            "filtering                         address-dependent              address-dependent\n"
            "  unasked, from S3                dropped in silence             dropped in silence\n"
            "  unasked, from S2, second port   passed                         passed\n"
            "own connection to S3              -                              simultaneous open\n"
            "hairpin, one-way                  yes, from 203.0.113.11:62001   yes, from 203.0.113.11:62001\n"
            "hairpin, two-way                  yes, from 203.0.113.11:62001   yes, from 203.0.113.11:62001\n"
            "  its source                      external                       external\n"
            "payload                           untouched                      untouched\n"
            "\n"
            "misbehaviours: none seen\n"
            "hole punching: UDP yes, TCP yes\n");
}

TEST(Report, ShowsOnlyWhatWasAskedFor) {
  Report report = friendly();
  report.udp.reset();
  EXPECT_EQ(table(report).find("UDP"), std::string::npos);
  EXPECT_FALSE(json(report).contains("udp"));
  EXPECT_EQ(json(report)["hole_punching"], (nlohmann::json{{"tcp", true}}));
}

TEST(Report, JsonSaysNullWhereNothingIsKnown) {
  Report report = friendly();
  report.udp = Findings{};
  const nlohmann::json udp = json(report)["udp"];
  for (const char* key : {"translated", "consistent", "mapping", "filtering", "payload_untouched"}) {
    EXPECT_TRUE(udp.at(key).is_null()) << key;
  }
  EXPECT_TRUE(udp.at("unsolicited").at("s3").at("response").is_null());
  EXPECT_TRUE(udp.at("hairpin").at("two_way").is_null());
  EXPECT_TRUE(udp.at("hole_punching").is_null());
}

TEST(Report, JsonCarriesTheIcmpErrorOnlyWhereThereWasOne) {
  Report report = friendly();
  EXPECT_TRUE(json(report)["tcp"]["unsolicited"]["s3"]["icmp"].is_null());
  report.tcp->from_third_server.response = Outcome::icmp;
  report.tcp->from_third_server.icmp_type = 3;
  report.tcp->from_third_server.icmp_code = 13;
  EXPECT_EQ(json(report)["tcp"]["unsolicited"]["s3"]["icmp"], (nlohmann::json{{"type", 3}, {"code", 13}}));
}

TEST(ExitCode, HasABitForEachProtocol) {
  Report report = friendly();
  EXPECT_EQ(exit_code(report), 0);
  report.udp->first_server = kSender;
  EXPECT_EQ(exit_code(report), 1);
  report.tcp->from_third_server.response = Outcome::refused;
  EXPECT_EQ(exit_code(report), 3);
  report.udp.reset();
  EXPECT_EQ(exit_code(report), 2);
}

TEST(ExitCode, TellsABlockedProtocolFromServersThatAreNotThere) {
  Report report = friendly();
  report.udp = Findings{};
  EXPECT_EQ(exit_code(report), 1);
  EXPECT_NE(table(report).find("UDP blocked, TCP yes"), std::string::npos);
  report.udp->first_server = kExternal;
  EXPECT_EQ(exit_code(report), 1);
  EXPECT_NE(table(report).find("UDP unknown, TCP yes"), std::string::npos);
  report.udp = Findings{};
  report.tcp = Findings{};
  report.tcp->protocol = Protocol::tcp;
  EXPECT_EQ(exit_code(report), kUnreachable);
}

}  // namespace
}  // namespace nat::check
