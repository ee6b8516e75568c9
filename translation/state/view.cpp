#include "translation/state/view.h"

namespace nat {

const char* to_string(Origin origin) {
  switch (origin) {
    case Origin::dynamic:
      return "dynamic";
    case Origin::configured:
      return "configured";
    case Origin::leased:
      return "leased";
  }
  return "unknown";
}

const char* to_string(SessionState state) {
  switch (state) {
    case SessionState::active:
      return "active";
    case SessionState::internal_init:
      return "internal-init";
    case SessionState::external_init:
      return "external-init";
    case SessionState::established:
      return "established";
    case SessionState::internal_fin:
      return "internal-fin";
    case SessionState::external_fin:
      return "external-fin";
    case SessionState::both_fin:
      return "both-fin";
    case SessionState::reset:
      return "reset";
    case SessionState::closed:
      return "closed";
  }
  return "unknown";
}

const char* to_string(RemovalCause cause) {
  switch (cause) {
    case RemovalCause::expired:
      return "expired";
    case RemovalCause::flushed:
      return "flushed";
    case RemovalCause::deleted:
      return "deleted";
    case RemovalCause::address_lost:
      return "address-lost";
    case RemovalCause::misbehaved:
      return "misbehaved";
  }
  return "unknown";
}

}  // namespace nat
