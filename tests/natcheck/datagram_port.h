// One UDP port of this host, whatever it carries: sends octets, hands on those that arrive, keeps the ICMP
// errors that come back.
#pragma once

#include <span>

#include "tests/natcheck/port.h"
#include "tests/natcheck/socket.h"

namespace nat::check {

class DatagramPort : public Port {
 public:
  // Throws SetupError where the endpoint cannot be had.
  explicit DatagramPort(const Endpoint& local);

  const Endpoint& local() const { return local_; }
  void send_octets(std::span<const std::uint8_t> octets, const Endpoint& to);

  // ICMP errors, oldest first, until take_errors() takes them away. At most kKept; later ones are lost.
  const std::vector<IcmpError>& errors() const { return errors_; }
  std::vector<IcmpError> take_errors() { return std::exchange(errors_, {}); }
  bool rejected(const Endpoint& remote) const;

  void watch(std::vector<pollfd>& descriptors) const override;
  void serve(std::span<const pollfd> descriptors) override;

  static constexpr std::size_t kKept = 512;

 protected:
  virtual void hear(const Endpoint& from, std::span<const std::uint8_t> octets) = 0;

 private:
  void receive();
  void collect_errors();

  Descriptor socket_;
  Endpoint local_;
  std::vector<IcmpError> errors_;
};

}  // namespace nat::check
