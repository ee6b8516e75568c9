# The Debian packages natd needs, by purpose, and the one function that installs what is missing of them.
# Debian 12 is the reference; nothing is fetched from anywhere but the machine's own apt sources.
# shellcheck shell=bash disable=SC2034

# To configure and build every target.
build_packages=(
  g++ cmake ninja-build pkg-config ccache
  libnetfilter-queue-dev libmnl-dev libpcap-dev libsystemd-dev libsodium-dev
  libboost-program-options-dev nlohmann-json3-dev libgtest-dev libabsl-dev
)

# To run natd and the lab: namespaces, rules, captures, real clients.
lab_packages=(
  python3 iproute2 iptables nftables procps ethtool
  tcpdump curl iputils-ping traceroute
)

# To measure.
bench_packages=(iperf3)

# To run every test.
test_packages=(
  python3-pytest python3-pytest-xdist python3-scapy coturn
  clang clang-format clang-tidy llvm libclang-rt-14-dev
)

# missing_packages NAME...: those that are not installed, one on each line.
missing_packages() {
  local package
  for package in "$@"; do
    if [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) != installed ]]; then
      printf '%s\n' "$package"
    fi
  done
}

# need_packages NAME...: installs what is missing, and asks apt for nothing when nothing is.
need_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  if ((${#missing[@]} == 0)); then
    say "every package is installed already (${#} checked)"
    return 0
  fi
  say "missing: ${missing[*]}"
  ((EUID == 0)) || die "installing packages needs root; run this as root, or run: apt-get install ${missing[*]}"
  without_starting_services install_now "${missing[@]}"
}

install_now() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get update || die "apt-get update failed; look at /etc/apt/sources.list and the network"
  apt-get install -y --no-install-recommends "$@" </dev/null ||
    die "apt-get could not install: $*"
}

# without_starting_services COMMAND...: Debian starts a server when its package is installed; coturn is
# wanted here for its tools, inside namespaces, never as a service of this machine.
without_starting_services() {
  local policy=/usr/sbin/policy-rc.d made='' status=0
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    made=yes
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  ("$@") || status=$?
  if [[ $made ]]; then
    rm -f "$policy"
    trap - EXIT
  fi
  if [[ " $* " == *' coturn '* ]] && command -v systemctl >/dev/null; then
    systemctl disable coturn.service >/dev/null 2>&1 || true
  fi
  return "$status"
}
