// The sample configuration, made from options.def: every key with its meaning and its default, all of it
// commented out. config/natd.conf.example is its output, kept in the tree for readers and held equal by a
// unit test.
#pragma once

#include <string>
#include <string_view>

namespace nat {

std::string sample_configuration();

// The text in lines of at most `width`, each beginning with `prefix`; ends with a newline.
std::string wrapped(std::string_view text, std::string_view prefix, std::size_t width);

}  // namespace nat
