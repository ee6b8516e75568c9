"""The state of a namespace that a gateway program may change, to compare before and after."""

_COMMANDS = {
    "rules": ("ip", "rule"),
    "routes": ("ip", "route", "show", "table", "all"),
    "links": ("ip", "-o", "link"),
    "addresses": ("ip", "-o", "address"),
    "queueing": ("tc", "qdisc"),
    "nftables": ("nft", "-s", "list", "ruleset"),
    "iptables": ("iptables-save",),
    "settings": ("sysctl", "-a", "--pattern", "^net[./](ipv4|ipv6|bridge|core)"),
}


def take(host):
    """{what: set of lines}; lines about counters and comments are left out."""
    state = {}
    for what, command in _COMMANDS.items():
        lines = host.run(*command, check=False).splitlines()
        state[what] = {line.rstrip() for line in lines if line.strip() and not line.startswith("#")}
    return state


def differences(before, after):
    """Lines of text, one for each difference; empty when the states agree."""
    found = []
    for what in before:
        found += [f"{what}: gone: {line}" for line in sorted(before[what] - after[what])]
        found += [f"{what}: new:  {line}" for line in sorted(after[what] - before[what])]
    return found
