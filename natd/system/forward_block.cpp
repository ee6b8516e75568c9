#include "natd/system/forward_block.h"

#include <stdexcept>
#include <utility>

#include "natd/system/command.h"
#include "natd/system/own_names.h"
#include "natd/system/sysctl.h"

namespace nat {
namespace {

std::string drop(const std::string& from, const std::string& to) {
  return "    iifname \"" + from + "\" oifname \"" + to + "\" drop\n";
}

}  // namespace

ForwardBlock::ForwardBlock(Journal& journal, std::string internal, std::string external)
    : journal_(journal), internal_(std::move(internal)), external_(std::move(external)) {}

Undo ForwardBlock::undo() { return RemoveTable{kBlockTable}; }

// In one transaction: the way does not open while the table of an earlier start is replaced.
void ForwardBlock::shut() {
  journal_.note(undo());
  const std::string table = std::string("table ip ") + kBlockTable;
  const CommandResult result = run_command(
      {"nft", "-f", "-"}, "add " + table + "\ndelete " + table + "\n" + table +
                              " {\n"
                              "  chain forward {\n"
                              "    type filter hook forward priority -300\n" +
                              drop(internal_, external_) + drop(external_, internal_) + "  }\n}\n");
  if (result.status == 0) return;
  throw std::runtime_error("cannot keep the way shut between " + internal_ + " and " + external_ + ": " +
                           words_of(result.output) +
                           (result.status == 127 ? "; install it (Debian: nftables)" : ""));
}

void ForwardBlock::open() {
  if (const auto problem = carry_out(undo())) throw std::runtime_error(*problem);
  journal_.forget(undo());
}

}  // namespace nat
