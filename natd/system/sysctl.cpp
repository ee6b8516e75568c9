#include "natd/system/sysctl.h"

#include <cerrno>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <unistd.h>

#include "natd/system/descriptor.h"

namespace nat {
namespace {

constexpr const char* kRoot = "/proc/sys/";

}  // namespace

std::string words_of(const std::string& text) {
  std::istringstream stream(text);
  std::string result;
  for (std::string word; stream >> word;) result += (result.empty() ? "" : " ") + word;
  return result;
}

std::optional<std::string> read_sysctl(const std::string& key) {
  std::ifstream file(kRoot + key);
  std::string text;
  if (!std::getline(file, text)) return std::nullopt;
  return words_of(text);
}

// One write call, which is what the kernel wants.
int write_sysctl(const std::string& key, const std::string& value) {
  const Descriptor file(open((kRoot + key).c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() < 0) return errno;
  return write(file.get(), value.data(), value.size()) < 0 ? errno : 0;
}

}  // namespace nat
