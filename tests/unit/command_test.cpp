#include "natd/system/command.h"

#include <string>

#include <gtest/gtest.h>

namespace nat {
namespace {

TEST(Command, TakesALongInputWhileTheProgramPrintsMore) {
  const std::string input(1 << 20, 'x');
  const CommandResult result = run_command({"sh", "-c", "yes | head -c 50000; wc -c"}, input);
  EXPECT_EQ(result.status, 0);
  EXPECT_NE(result.output.find("1048576"), std::string::npos);
}

TEST(Command, SaysWhenThereIsNoSuchProgram) {
  const CommandResult result = run_command({"natd-no-such-program"});
  EXPECT_EQ(result.status, 127);
  EXPECT_NE(result.output.find("natd-no-such-program"), std::string::npos);
}

}  // namespace
}  // namespace nat
