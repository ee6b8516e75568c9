#include "natd/datapath/tun/tun.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "natd/datapath/exempt_rules.h"
#include "natd/datapath/tun/device.h"
#include "natd/datapath/tun/routing.h"
#include "natd/datapath/tun/worker.h"
#include "natd/observe/log.h"
#include "natd/system/command.h"
#include "natd/system/local_rules.h"
#include "natd/system/ruleset.h"

namespace nat {
namespace {

// RFC 7600's dummy address. The kernel wants an interface to have one before it accepts packets there that
// come from an address of its own; being of scope link, nothing is ever sent from it.
constexpr const char* kDummyAddress = "192.0.0.8/32";

const std::vector<std::string> kIpBatch{"ip", "-batch", "-"};

// All IPv4 addresses that interfaces of this namespace have.
std::vector<Address> interface_addresses() {
  std::vector<Address> addresses;
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) throw std::runtime_error(std::string("getifaddrs: ") + std::strerror(errno));
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) continue;
    addresses.emplace_back(ntohl(reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr.s_addr));
  }
  freeifaddrs(all);
  return addresses;
}

std::vector<Address> common(const std::vector<Address>& wanted, const std::vector<Address>& there) {
  std::vector<Address> both;
  for (const Address address : wanted) {
    if (std::find(there.begin(), there.end(), address) != there.end()) both.push_back(address);
  }
  return both;
}

std::string checked(const std::vector<std::string>& command, const std::string& input = {}) {
  CommandResult result = run_command(command, input);
  if (result.status != 0) {
    std::string line;
    for (const std::string& word : command) line += word + " ";
    throw std::runtime_error("`" + line + "` failed: " + result.output);
  }
  return std::move(result.output);
}

bool reverse_path_checked() {
  std::ifstream file("/proc/sys/net/ipv4/conf/all/rp_filter");
  int value = 0;
  return !(file >> value) || value != 0;
}

std::string link_group(const std::string& interface) {
  const std::string shown = checked({"ip", "-N", "-o", "link", "show", "dev", interface});
  const std::string word = " group ";
  const auto begin = shown.find(word);
  if (begin == std::string::npos) return "0";
  const auto from = begin + word.size();
  return shown.substr(from, shown.find(' ', from) - from);
}

class Tun : public Backend {
 public:
  Tun(const Settings& settings, Journal& journal)
      : queues_(settings.queues),
        queue_length_(settings.queue_length),
        gateway_ports_(settings.gateway_ports),
        exempt_(settings.policy.exempt),
        journal_(journal) {}
  ~Tun() override {
    stop();
    uninstall();
  }

  const char* name() const override { return "tun"; }
  void install(const Links& links, const LocalPorts& local) override;
  void uninstall() noexcept override;
  void start(SharedEngine& engine) override;
  void stop() noexcept override;
  void links_changed(const Links& links) override;
  void local_ports_changed(const LocalPorts& local) override;
  void ruleset_changed() override;
  void exemptions_changed(const std::vector<Exemption>& exempt) override;
  void release(const Released& released) override;
  void send(const GeneratedPacket& own) noexcept override;
  std::uint64_t overruns() const override;
  std::vector<std::pair<std::string, std::uint64_t>> stats() const override;

 private:
  void set_up_device(const TunDevice& device) const;
  void prepare_links();
  void lead_packets_here();
  void reroute();
  TunInputs inputs() const;
  TunQueues queues(unsigned number) const { return {internal_->queue(number), external_->queue(number)}; }

  const unsigned queues_;
  const std::uint32_t queue_length_;
  const PortRange gateway_ports_;
  const std::vector<Exemption> exempt_;  // at the start
  Journal& journal_;

  Links links_;
  LocalPorts local_;
  TunRouting routing_;
  std::optional<TunDevice> internal_;
  std::optional<TunDevice> external_;
  TunCounters counters_;
  std::vector<std::string> filters_;  // of others, as last warned of
  Descriptor stop_;
  std::vector<std::thread> threads_;
};

// --- Setting up

// From what protects to what uses it, so that the journal takes it back the other way round.
void Tun::install(const Links& links, const LocalPorts& local) {
  links_ = links;
  local_ = local;
  journal_.note(RemoveTable{kTunTable});
  checked({"nft", "-f", "-"}, tun_safety_net(links, exempt_, gateway_ports_));
  internal_.emplace(kTunInternal, queues_);
  external_.emplace(kTunExternal, queues_);
  set_up_device(*internal_);
  set_up_device(*external_);
  journal_.set_sysctl("net/ipv4/ip_local_port_range",
                      std::to_string(gateway_ports_.first) + " " + std::to_string(gateway_ports_.last));
  lead_packets_here();
  prepare_links();
}

void Tun::set_up_device(const TunDevice& device) const {
  device.disable_ipv6();
  device.set("forwarding", "1");
  device.set("send_redirects", "0");
  // What natd writes may come from an external address, which the gateway has too.
  device.set("accept_local", "1");
  // Strict checking, where the operator asks for it everywhere, would refuse natd's own ICMP errors; no
  // checking saves a look at the routes for each packet.
  device.set("rp_filter", reverse_path_checked() ? "2" : "0");
  const std::string& name = device.name();
  checked(kIpBatch, "link set dev " + name + " mtu " + std::to_string(links_.external_mtu) + " txqueuelen " +
                        std::to_string(queue_length_) + "\naddress add " + kDummyAddress + " dev " + name +
                        " scope link\nlink set dev " + name + " up\n");
}

void Tun::lead_packets_here() {
  const TunRouting wanted = tun_routing(inputs());
  journal_.note(RemoveRoutes{});
  checked(kIpBatch, tun_batch({}, {{}, wanted.routes}));
  // The kernel's rule for local addresses stands before all others; natd's copy of it takes over.
  const LocalRules there = read_local_rules();
  journal_.note(RestoreLocalRule{there.kernels});
  if (!there.copy) checked(rule_command("add", kTunLocalRule));
  journal_.note(RemoveRules{});
  checked(kIpBatch, tun_batch({}, {wanted.rules, {}}));
  routing_ = wanted;
  if (there.kernels) checked(rule_command("del", kTunFirstLocalRule));
}

// What the two interfaces need; again when one was away.
void Tun::prepare_links() {
  if (links_.external_index != 0) {
    const std::string group = link_group(links_.external);
    if (group != kTunLinkGroup) {
      journal_.note(RestoreLinkGroup{links_.external, static_cast<std::uint32_t>(std::stoul(group))});
      checked({"ip", "link", "set", "dev", links_.external, "group", kTunLinkGroup});
    }
    journal_.set_sysctl("net/ipv4/conf/" + links_.external + "/forwarding", "1");
  }
  if (links_.internal_index != 0) {
    journal_.set_sysctl("net/ipv4/conf/" + links_.internal + "/forwarding", "1");
  }
}

void Tun::uninstall() noexcept {
  internal_.reset();
  external_.reset();
}

// --- Running

void Tun::start(SharedEngine& engine) {
  stop_ = Descriptor(eventfd(0, EFD_CLOEXEC));
  if (stop_.get() < 0) throw std::runtime_error(std::string("eventfd: ") + std::strerror(errno));
  for (unsigned number = 0; number < queues_; ++number) {
    auto worker = std::make_unique<TunWorker>(engine, queues(number), counters_);
    threads_.emplace_back([worker = std::move(worker), stop = stop_.get()] { worker->run(stop); });
    pthread_setname_np(threads_.back().native_handle(), ("natd-tun-" + std::to_string(number)).c_str());
  }
}

void Tun::stop() noexcept {
  if (threads_.empty()) return;
  eventfd_write(stop_.get(), 1);
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Tun::release(const Released& released) { write_released(queues(0), released, counters_); }

void Tun::send(const GeneratedPacket& own) noexcept {
  write_own(queues(0).of(own.out), own.octets, counters_);
}

// --- Following the world

TunInputs Tun::inputs() const {
  return {links_, local_, gateway_ports_, common(links_.external_addresses, interface_addresses())};
}

void Tun::reroute() {
  TunRouting wanted = tun_routing(inputs());
  const std::string batch = tun_batch(routing_, wanted);
  routing_ = std::move(wanted);
  if (batch.empty()) return;
  // Routes of an address that is gone may have gone with it.
  const CommandResult result = run_command({"ip", "-force", "-batch", "-"}, batch);
  if (result.status != 0) log_info("while changing routes: " + result.output);
}

void Tun::links_changed(const Links& links) {
  const bool resized = links.external_mtu != links_.external_mtu;
  links_ = links;
  if (resized) {
    const std::string mtu = " mtu " + std::to_string(links_.external_mtu) + "\n";
    checked(kIpBatch,
            std::string("link set dev ") + kTunInternal + mtu + "link set dev " + kTunExternal + mtu);
  }
  reroute();
  prepare_links();
}

void Tun::local_ports_changed(const LocalPorts& local) {
  local_ = local;
  reroute();
}

// On their way through natd packets cross the forward hook twice, by natd's devices.
void Tun::ruleset_changed() {
  std::vector<std::string> filters = others_forward_filters();
  if (filters == filters_) return;
  filters_ = std::move(filters);
  for (const std::string& chain : filters_) {
    log_warning("the chain " + chain + " sees what natd translates by " + kTunInternal + " and " +
                kTunExternal + ", not by " + links_.internal + " and " + links_.external +
                ": let it accept what comes from " + kTunInternal + " or " + kTunExternal +
                ", and what goes to " + kTunExternal + ", or use datapath.kind = nfqueue");
  }
}

void Tun::exemptions_changed(const std::vector<Exemption>& exempt) {
  checked({"nft", "-f", "-"}, exempt_rules(kTunTable, exempt));
}

std::uint64_t Tun::overruns() const {
  const auto of = [](const std::optional<TunDevice>& device) { return device ? device->overruns() : 0; };
  return of(internal_) + of(external_);
}

std::vector<std::pair<std::string, std::uint64_t>> Tun::stats() const {
  return {{"packets-read", counters_.read},
          {"packets-written", counters_.written},
          {"write-errors", counters_.write_errors},
          {"queue-overruns", overruns()}};
}

}  // namespace

std::unique_ptr<Backend> make_tun(const Settings& settings, Journal& journal) {
  return std::make_unique<Tun>(settings, journal);
}

}  // namespace nat
