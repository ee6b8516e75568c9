// A TUN device with several queues, each a descriptor of its own that one thread may read while others write.
// It exists as long as this object or the process: nothing needs to be undone.
//
// Packets travel with a virtio header in front (frame.h), so that TCP and UDP super-packets of up to 64 KiB
// and unfinished transport checksums pass through as they are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "natd/system/event_loop.h"

namespace nat {

class TunDevice {
 public:
  // Makes the device, down. Throws std::runtime_error when the kernel refuses or the name is taken.
  TunDevice(std::string name, unsigned queues);

  const std::string& name() const { return name_; }
  // Non-blocking; one read or write is one packet.
  int queue(unsigned number) const { return queues_[number].get(); }

  // Sets an IPv4 setting of the device (net/ipv4/conf/NAME/KEY). Throws std::runtime_error.
  void set(const std::string& key, const std::string& value) const;
  void disable_ipv6() const;

  // Packets that the kernel dropped because the queues were full.
  std::uint64_t overruns() const;

 private:
  std::string name_;
  std::vector<Descriptor> queues_;
};

}  // namespace nat
