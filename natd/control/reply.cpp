#include "natd/control/reply.h"

#include <algorithm>

namespace nat {

bool ListReply::next(std::string& out) {
  if (written_ == items_.size()) {
    out += done_line(id_, members_);
    return false;
  }
  Json page = Json::array();
  const std::size_t end = std::min(items_.size(), written_ + kItemsOfPage);
  for (; written_ < end; ++written_) page.push_back(items_[written_]);
  out += items_line(id_, std::move(page));
  return true;
}

}  // namespace nat
