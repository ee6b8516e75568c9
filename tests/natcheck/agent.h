// One host of the multi-client test: does what the lines on its standard input say and answers each with one
// line of JSON, {"ok":true,...} or {"ok":false,"error":"..."}. Between two lines it goes on answering other
// clients.
//
//   join PORT                     take the local port, UDP and TCP            -> local
//   observe udp|tcp               ask the servers                             -> s1, s2, s2_second_port
//   ask udp|tcp SERVER            ask one of them, named as above              -> seen
//                                   over TCP by one connection as long as that is open
//   hairpin udp|tcp ADDR:PORT RUN send to another client, whose run RUN is
//   heard MILLISECONDS            wait for messages of other clients          -> heard, strays
//   leave                         give the port up
//
// The first line of output, unasked, holds `run` and `local`. It ends with its input.
#pragma once

#include <map>
#include <optional>
#include <sstream>

#include <nlohmann/json_fwd.hpp>

#include "tests/natcheck/greeter.h"
#include "tests/natcheck/line_port.h"
#include "tests/natcheck/options.h"
#include "tests/natcheck/question.h"
#include "tests/natcheck/udp_port.h"

namespace nat::check {

class Agent {
 public:
  explicit Agent(const AgentOptions& options);
  void run();

 private:
  // What a host has while it takes part.
  struct Seat {
    explicit Seat(const Endpoint& local, std::uint16_t number);

    UdpPort udp;
    TcpPort tcp;
    Greeter greeter;
    Stream* first = nullptr;  // connections to the servers, open as long as the seat is taken
    Stream* second = nullptr;
    std::map<std::string, Stream*> asked;  // connections of `ask`, by server
  };

  nlohmann::json obey(const std::string& line);
  nlohmann::json join(std::istringstream& words);
  nlohmann::json observe(std::istringstream& words);
  nlohmann::json observe_udp();
  nlohmann::json observe_tcp();
  nlohmann::json ask_one(std::istringstream& words);
  std::optional<Endpoint> seen_over_udp(Stage stage, const Endpoint& server);
  nlohmann::json hairpin(std::istringstream& words);
  nlohmann::json heard(std::istringstream& words);

  Ports ports();
  void absorb();  // sorts what has arrived
  void note(Protocol protocol, const Endpoint& source, std::uint16_t from);
  Message ping(Protocol protocol, Stage stage) const;

  const AgentOptions& options_;
  LinePort input_;
  std::optional<Seat> seat_;
  std::uint16_t question_ = 0;  // tag of the latest observation
  std::vector<Message> pongs_;  // over UDP, of the latest observation
  struct Heard {
    Protocol protocol;
    Endpoint source;
    std::uint16_t from;
  };
  std::vector<Heard> heard_;
  unsigned strays_ = 0;  // messages meant for another client
};

}  // namespace nat::check
