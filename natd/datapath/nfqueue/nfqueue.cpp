#include "natd/datapath/nfqueue/nfqueue.h"

#include <cerrno>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "natd/datapath/exempt_rules.h"
#include "natd/datapath/nfqueue/hook_point.h"
#include "natd/datapath/nfqueue/queue.h"
#include "natd/datapath/nfqueue/queue_target.h"
#include "natd/datapath/nfqueue/rules.h"
#include "natd/datapath/nfqueue/worker.h"
#include "natd/observe/log.h"
#include "natd/system/command.h"
#include "natd/system/ruleset.h"

namespace nat {
namespace {

constexpr const char* kStatisticsFile = "/proc/net/netfilter/nfnetlink_queue";

void run_nft(const std::string& rules) {
  const CommandResult result = run_command({"nft", "-f", "-"}, rules);
  if (result.status != 0)
    throw std::runtime_error("nft refused to change the table natd: " + result.output +
                             (result.status == 127 ? "; install it (Debian: nftables)" : ""));
}

// For the ICMP errors that the engine makes: whole IP packets, marked so that the rules let them pass.
Descriptor open_answer_socket() {
  Descriptor socket(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  if (socket.get() < 0) {
    throw std::runtime_error("cannot open a raw socket for ICMP errors; natd needs CAP_NET_RAW");
  }
  const std::uint32_t mark = kMarkAnswer;
  setsockopt(socket.get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark);
  return socket;
}

// Asked of the driver, since /sys may show another network namespace.
bool is_bridge(const std::string& interface) {
  const Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ethtool_drvinfo driver{};
  driver.cmd = ETHTOOL_GDRVINFO;
  ifreq request{};
  interface.copy(request.ifr_name, sizeof request.ifr_name - 1);
  request.ifr_data = reinterpret_cast<char*>(&driver);
  return ioctl(socket.get(), SIOCETHTOOL, &request) == 0 && std::string(driver.driver) == "bridge";
}

class Nfqueue : public Backend {
 public:
  Nfqueue(const Settings& settings, Journal& journal) : settings_(settings), journal_(journal) {}
  ~Nfqueue() override { stop(); }

  const char* name() const override { return "nfqueue"; }
  void install(const Links& links, const LocalPorts& local) override;
  void uninstall() noexcept override { answers_ = Descriptor(); }
  void start(SharedEngine& engine) override;
  void stop() noexcept override;
  void links_changed(const Links& links) override;
  void local_ports_changed(const LocalPorts& local) override;
  void ruleset_changed() override;
  void exemptions_changed(const std::vector<Exemption>& exempt) override {
    run_nft(exempt_rules(kTable, exempt));
  }
  void release(const Released& released) override;
  void send(const GeneratedPacket& own) noexcept override { send_answer(answers_.get(), own.octets); }
  std::uint64_t overruns() const override { return read_statistics().overruns; }
  std::vector<std::pair<std::string, std::uint64_t>> stats() const override;

 private:
  // Of natd's queues, as the kernel counts.
  struct Statistics {
    std::uint64_t waiting = 0;
    std::uint64_t overruns = 0;
  };
  Statistics read_statistics() const;
  void set_sysctls(const Links& links);
  void install_rules(const Links& links);
  RuleSettings rule_settings(const Links& links) const;
  bool wants_tracking() const;
  std::string tracking_rules(const Links& links) const;

  const Settings settings_;
  Journal& journal_;
  SharedLinks links_;
  QueueDrops drops_;
  std::string port_rules_;  // as nft has them
  bool tracked_ = false;    // connection tracking sees what natd translates
  Descriptor answers_;
  std::vector<std::unique_ptr<Queue>> queues_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

void Nfqueue::install(const Links& links, const LocalPorts& local) {
  links_.store(std::make_shared<const HookLinks>(links));
  answers_ = open_answer_socket();
  port_rules_ = port_rules(local, settings_.gateway_ports);
  tracked_ = wants_tracking();
  install_rules(links);
  set_sysctls(links);
}

RuleSettings Nfqueue::rule_settings(const Links& links) const {
  return {links.internal,        links.external,   settings_.gateway_ports,
          settings_.first_queue, settings_.queues, true};
}

bool Nfqueue::wants_tracking() const {
  if (settings_.conntrack != ConnectionTracking::automatic) {
    return settings_.conntrack == ConnectionTracking::yes;
  }
  return others_track_connections();
}

std::string Nfqueue::tracking_rules(const Links& links) const {
  std::vector<Prefix> networks = settings_.policy.internal_networks;
  networks.insert(networks.end(), links.internal_networks.begin(), links.internal_networks.end());
  networks.insert(networks.end(), links.internal_routes.begin(), links.internal_routes.end());
  return nat::tracking_rules(rule_settings(links), tracked_, networks);
}

// The table comes before forwarding is switched on, and drops what it would queue until the queues are there.
void Nfqueue::install_rules(const Links& links) {
  RuleSettings rules = rule_settings(links);
  const std::string probe = queue_statement_probe(rules.first_queue, rules.queues);
  rules.queue_statement = run_command({"nft", "--check", "-f", "-"}, probe).status == 0;
  journal_.note(RemoveTable{kTable});
  run_nft(table_rules(rules) + address_rules(links.external_addresses) + port_rules_ +
          exempt_rules(kTable, settings_.policy.exempt) + tracking_rules(links));
  if (!rules.queue_statement) add_queue_target(rules.first_queue, rules.queues);
}

// Forwarding is switched on for the two interfaces only: the switch for all of them, ip_forward, resets other
// settings each time it is moved (accept_redirects), and would connect networks that natd knows nothing of.
void Nfqueue::set_sysctls(const Links& links) {
  const std::string interfaces = "net/ipv4/conf/";
  journal_.set_sysctl(interfaces + links.internal + "/forwarding", "1");
  journal_.set_sysctl(interfaces + links.external + "/forwarding", "1");
  // A hairpinned packet leaves where it came in, which is no reason to inform its sender of a better way. The
  // kernel wants both of these switches off.
  journal_.set_sysctl(interfaces + "all/send_redirects", "0");
  journal_.set_sysctl(interfaces + links.internal + "/send_redirects", "0");
  // With br_netfilter, a bridge shows these hooks what it has not handed up yet, and bridges a packet whose
  // destination natd moves to one of its own hosts: TTL stays, and no host can reach itself.
  const std::string bridged = "net/bridge/bridge-nf-call-iptables";
  if (is_bridge(links.internal) && access(("/proc/sys/" + bridged).c_str(), F_OK) == 0) {
    journal_.set_sysctl(bridged, "0");
  }
  journal_.set_sysctl("net/ipv4/ip_local_port_range", std::to_string(settings_.gateway_ports.first) + " " +
                                                          std::to_string(settings_.gateway_ports.last));
}

void Nfqueue::start(SharedEngine& engine) {
  for (unsigned i = 0; i < settings_.queues; ++i) {
    queues_.push_back(std::make_unique<Queue>(static_cast<std::uint16_t>(settings_.first_queue + i),
                                              settings_.queue_length));
  }
  for (std::size_t i = 0; i < queues_.size(); ++i) {
    workers_.push_back(std::make_unique<Worker>(static_cast<std::uint8_t>(i), *queues_[i], engine, *this,
                                                links_, drops_, answers_.get()));
  }
}

void Nfqueue::stop() noexcept {
  workers_.clear();
  queues_.clear();
}

void Nfqueue::links_changed(const Links& links) {
  const std::shared_ptr<const HookLinks> before = links_.load();
  links_.store(std::make_shared<const HookLinks>(links));
  if (links.external_addresses != before->external_addresses)
    run_nft(address_rules(links.external_addresses));
  if (links.internal_networks != before->internal_networks ||
      links.internal_routes != before->internal_routes)
    run_nft(tracking_rules(links));
  const bool there = links.internal_index != 0 && links.external_index != 0;
  const bool replaced =
      links.internal_index != before->internal_index || links.external_index != before->external_index;
  if (there && replaced) set_sysctls(links);
}

void Nfqueue::local_ports_changed(const LocalPorts& local) {
  std::string rules = port_rules(local, settings_.gateway_ports);
  if (rules == port_rules_) return;
  run_nft(rules);
  port_rules_ = std::move(rules);
}

void Nfqueue::ruleset_changed() {
  const bool wanted = wants_tracking();
  if (wanted == tracked_) return;
  tracked_ = wanted;
  run_nft(tracking_rules(*links_.load()));
  log_notice(wanted ? "other rules look at connections: the kernel tracks those that natd translates, too"
                    : "no other rule looks at connections any more: what natd translates is not tracked");
}

void Nfqueue::release(const Released& released) {
  const HeldPacket held = HeldPacket::of(released.token);
  if (held.queue >= queues_.size()) return;
  const std::shared_ptr<const HookLinks> links = links_.load();
  const QueueVerdict verdict =
      queue_verdict(held.hook_point, released.verdict, released.octets, held.operator_mark, *links);
  queues_[held.queue]->decide_late(held.id, drops_.counted(released.verdict, verdict), released.octets);
}

Nfqueue::Statistics Nfqueue::read_statistics() const {
  Statistics statistics;
  std::ifstream file(kStatisticsFile);
  for (std::string line; std::getline(file, line);) {
    // queue number, port id, waiting, copy mode, copy range, dropped as the queue was full, dropped as the
    // socket was
    std::istringstream words(line);
    std::uint64_t field[7] = {};
    for (std::uint64_t& value : field) words >> value;
    if (field[0] < settings_.first_queue || field[0] >= settings_.first_queue + settings_.queues) continue;
    statistics.waiting += field[2];
    statistics.overruns += field[5] + field[6];
  }
  return statistics;
}

std::vector<std::pair<std::string, std::uint64_t>> Nfqueue::stats() const {
  const auto [waiting, overruns] = read_statistics();
  std::uint64_t failures = 0;
  for (const auto& queue : queues_) failures += queue->failures();
  return {{"queue-waiting", waiting},
          {"queue-overruns", overruns},
          {"queue-verdicts-refused", failures},
          {"queue-unknown-interface", drops_.unknown_interface},
          {"queue-undeliverable", drops_.undeliverable}};
}

}  // namespace

std::unique_ptr<Backend> make_nfqueue(const Settings& settings, Journal& journal) {
  return std::make_unique<Nfqueue>(settings, journal);
}

}  // namespace nat
