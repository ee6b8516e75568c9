#include "tests/natcheck/question.h"

namespace nat::check {
namespace {

bool answers(const Message& heard, const Message& ping) {
  return heard.kind == Kind::pong && heard.run == ping.run && heard.stage == ping.stage &&
         heard.tag == ping.tag;
}

bool settle(Question& question) {
  if (question.stream->open() && !question.asked) {
    question.stream->send(question.ping);
    question.asked = true;
  }
  for (const Message& heard : question.stream->take_heard()) {
    if (answers(heard, question.ping)) question.answer = heard;
  }
  return question.answer || question.stream->over();
}

}  // namespace

void ask(const Ports& ports, const std::vector<Question*>& questions, milliseconds patience) {
  exchange(
      ports, {0, patience, patience}, [] {},
      [&] {
        bool settled = true;
        for (Question* question : questions) settled &= settle(*question);
        return settled;
      });
}

}  // namespace nat::check
