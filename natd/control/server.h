// The control socket: accepts natctl and other programs, reads their requests, writes the answers.
//
// It lives in a thread of its own and serves its clients in turns of bounded work, so that none of them can
// slow the datapath, another client, or grow the daemon: so many clients, so long a request, one request at a
// time, so much output waiting, so long a silence. When all places are taken, a client that keeps one without
// using it gives way.
//
// Who may connect is decided by the permissions of the socket (0660, root and control.group) and checked
// again by the credentials of the peer.
#pragma once

#include <memory>
#include <string>

#include "natd/control/service.h"

namespace nat {

class ControlServer {
 public:
  // `service` must outlive the server. An empty group means root only.
  ControlServer(Service& service, std::string path, std::string group);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  // Makes the socket and the thread. std::runtime_error with a sentence for the operator when it cannot.
  void start();
  // Ends every connection and removes the socket. Safe to call twice, and without start().
  void stop() noexcept;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace nat
