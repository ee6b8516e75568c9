#include "tests/traversal/result.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace nat::traversal {
namespace {

const Endpoint kOurs{Address(203, 0, 113, 11), 5000};
const Endpoint kTheirs{Address(198, 51, 100, 7), 6000};
const Endpoint kTheirsInside{Address(10, 1, 1, 3), 4000};

Result reached(const Endpoint& remote) {
  Result result;
  result.settings.name = "a", result.settings.partner = "b";
  result.outcome = Outcome::reached;
  result.external = kOurs;
  result.partner_external = kTheirs;
  result.partner_internal = kTheirsInside;
  result.remote = remote;
  return result;
}

TEST(Result, ThePathIsNamedAfterTheEndpointThatAnswered) {
  EXPECT_EQ(path(reached(kTheirs)), "public");
  EXPECT_EQ(path(reached(kTheirsInside)), "private");
  Result same_gateway = reached({kOurs.address, 6000});
  same_gateway.partner_external = same_gateway.remote;
  EXPECT_EQ(path(same_gateway), "hairpin");
  Result without_gateway = reached(kTheirs);
  without_gateway.partner_internal = kTheirs;
  EXPECT_EQ(path(without_gateway), "public");
}

TEST(Result, ThePathOfRelayAndReversalIsTheTechnique) {
  Result result = reached(kTheirs);
  result.settings.technique = Technique::relay;
  EXPECT_EQ(path(result), "relay");
  result.settings.technique = Technique::reverse;
  EXPECT_EQ(path(result), "reversed");
  result.outcome = Outcome::no_way;
  EXPECT_EQ(path(result), "");
}

TEST(Result, AnEndpointThatTheServerDidNotKnowIsReflexive) {
  EXPECT_FALSE(reflexive(reached(kTheirs)));
  EXPECT_FALSE(reflexive(reached(kTheirsInside)));
  EXPECT_TRUE(reflexive(reached({kTheirs.address, 6001})));
}

TEST(Result, ExitCodeAndJsonAgree) {
  Result result = reached(kTheirs);
  EXPECT_EQ(json(result)["exit"], 0);
  EXPECT_EQ(json(result)["remote"], "198.51.100.7:6000");
  result.outcome = Outcome::no_way;
  result.remote = {};
  EXPECT_EQ(json(result)["exit"], 1);
  EXPECT_EQ(json(result)["success"], false);
  EXPECT_TRUE(json(result)["remote"].is_null());
  EXPECT_TRUE(json(result)["path"].is_null());
  result.outcome = Outcome::alone;
  EXPECT_EQ(exit_code(result), 2);
}

}  // namespace
}  // namespace nat::traversal
