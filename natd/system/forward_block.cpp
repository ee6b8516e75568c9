#include "natd/system/forward_block.h"

#include <vector>

#include <unistd.h>

#include "natd/system/command.h"

namespace nat {
namespace {

const std::vector<std::string> kApply = {"nft", "-f", "-"};

std::string drop(const std::string& from, const std::string& to) {
  return "    iifname \"" + from + "\" oifname \"" + to + "\" drop\n";
}

}  // namespace

ForwardBlock::ForwardBlock(const std::string& internal, const std::string& external) {
  // A name of its own, so that undoing the forward block of an earlier start leaves this one alone.
  const std::string table = "table ip natd_barrier_" + std::to_string(getpid());
  // Deleting a table that is not there is an error; adding one that is there is none.
  remove_ = "add " + table + "; delete " + table;
  rules_ = remove_ + "\n" + table +
           " {\n"
           "  chain forward {\n"
           "    type filter hook forward priority -300\n" +
           drop(internal, external) + drop(external, internal) + "  }\n}\n";
  const CommandResult result = run_command(kApply, rules_);
  if (result.status != 0) problem_ = "cannot keep the way shut until the datapath stands: " + result.output;
}

void ForwardBlock::record(Journal& journal) const { journal.run(kApply, {"nft", remove_}, rules_); }

void ForwardBlock::open() const { run_command({"nft", remove_}); }

}  // namespace nat
