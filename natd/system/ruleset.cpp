#include "natd/system/ruleset.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>
#include <utility>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include "natd/system/command.h"
#include "natd/system/descriptor.h"

namespace nat {
namespace {

// Of a rule: by nft, and by iptables-nft. A chain of nat is there before its rules.
constexpr std::string_view kWords[] = {"ct", "nat", "\"conntrack\"", "\"state\""};

bool has_word(std::string_view line, std::string_view word) {
  for (std::size_t at = line.find(word); at != std::string_view::npos; at = line.find(word, at + 1)) {
    const bool begins = at == 0 || line[at - 1] == ' ' || line[at - 1] == '\t';
    const std::size_t end = at + word.size();
    if (begins && (end == line.size() || line[end] == ' ')) return true;
  }
  return false;
}

// Calls `read` with the table ("table inet filter") and the line, for those that are not natd's.
void each_line_of_others(std::string_view ruleset,
                         const std::function<void(std::string_view, std::string_view)>& read) {
  std::string_view table;
  while (!ruleset.empty()) {
    const std::size_t end = std::min(ruleset.find('\n'), ruleset.size());
    const std::string_view line = ruleset.substr(0, end);
    ruleset.remove_prefix(std::min(end + 1, ruleset.size()));
    if (line.starts_with("table ")) table = line.substr(0, line.find(" {"));
    const bool ours = table == "table ip natd" || table.starts_with("table ip natd_");
    if (!ours && !line.starts_with("table ")) read(table, line);
  }
}

std::string list_ruleset() {
  CommandResult listed = run_command({"nft", "-t", "-n", "list", "ruleset"});
  return listed.status == 0 ? std::move(listed.output) : std::string();
}

bool file_has_line(const char* path, std::initializer_list<std::string_view> words) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (std::find(words.begin(), words.end(), line) != words.end()) return true;
  }
  return false;
}

std::uint32_t generation_in(const nlmsghdr* message) {
  std::uint32_t generation = 0;
  const auto read = [](const nlattr* attribute, void* result) {
    if (mnl_attr_get_type(attribute) == NFTA_GEN_ID) {
      *static_cast<std::uint32_t*>(result) = ntohl(mnl_attr_get_u32(attribute));
    }
    return MNL_CB_OK;
  };
  mnl_attr_parse(message, sizeof(nfgenmsg), read, &generation);
  return generation;
}

}  // namespace

std::uint32_t ruleset_generation() {
  const Descriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  alignas(nlmsghdr) std::array<char, 1024> buffer{};
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN;
  message->nlmsg_flags = NLM_F_REQUEST;
  auto* body = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(nfgenmsg)));
  body->version = NFNETLINK_V0;
  if (send(socket.get(), buffer.data(), message->nlmsg_len, 0) < 0) return 0;
  const ssize_t length = recv(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  const auto* answer = reinterpret_cast<const nlmsghdr*>(buffer.data());
  if (length < 0 || !mnl_nlmsg_ok(answer, static_cast<int>(length))) return 0;
  return answer->nlmsg_type == NLMSG_ERROR ? 0 : generation_in(answer);
}

bool tracks_connections(std::string_view ruleset) {
  bool found = false;
  each_line_of_others(ruleset, [&](std::string_view, std::string_view line) {
    for (const std::string_view word : kWords) found = found || has_word(line, word);
  });
  return found;
}

std::vector<std::string> forward_filters(std::string_view ruleset) {
  std::vector<std::string> chains;
  std::string chain;
  bool hooked = false, named = false;
  each_line_of_others(ruleset, [&](std::string_view table, std::string_view line) {
    const std::string_view text = line.substr(std::min(line.find_first_not_of('\t'), line.size()));
    if (text.starts_with("chain ")) {
      chain = std::string(text.substr(6, text.find(" {") - 6)) + " of " + std::string(table);
      hooked = named = false;
    }
    hooked = hooked || text.starts_with("type filter hook forward");
    const bool refuses = has_word(text, "drop;") || has_word(text, "drop") || has_word(text, "reject");
    const bool calls = has_word(text, "jump") || has_word(text, "goto");
    if (!hooked || named || !(refuses || calls)) return;
    named = true;
    chains.push_back(chain);
  });
  return chains;
}

bool others_track_connections() {
  if (file_has_line("/proc/net/ip_tables_names", {"nat"})) return true;
  if (file_has_line("/proc/net/ip_tables_names", {"filter", "mangle", "raw", "security"}) &&
      file_has_line("/proc/net/ip_tables_matches", {"conntrack", "state"})) {
    return true;
  }
  return tracks_connections(list_ruleset());
}

std::vector<std::string> others_forward_filters() { return forward_filters(list_ruleset()); }

}  // namespace nat
