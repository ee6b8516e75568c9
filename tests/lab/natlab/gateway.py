"""Gateway programs: natd, started on a gateway host and steered through natctl."""

import json
import os
import subprocess
from pathlib import Path

from . import watch
from .waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
PRESETS = ("full-cone", "restricted-cone", "port-restricted-cone", "symmetric")
BEHAVIORS = ("endpoint-independent", "address-dependent", "address-and-port-dependent")
DATAPATHS = ("nfqueue", "tun")
_EI, _AD, _APD = BEHAVIORS
KINDS = {"EIM/EIF": (_EI, _EI), "EIM/ADF": (_EI, _AD), "EIM/APDF": (_EI, _APD),
         "EDM/EIF": (_APD, _EI), "EDM/ADF": (_APD, _AD), "EDM/APDF": (_APD, _APD)}  # mapping, filtering


def binary(name):
    """Where a built program is: in NATLAB_BIN, else where the release preset puts it."""
    path = Path(os.environ.get("NATLAB_BIN") or ROOT / "build/release/bin") / name
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there; build it (cmake --build --preset release) or set NATLAB_BIN")
    return path


class Refused(RuntimeError):
    """natctl said no; `code` is its exit code."""

    def __init__(self, command, code, message):
        super().__init__(f"natctl {' '.join(command)}: exit {code}: {message}")
        self.code = code
        self.message = message


class Natd:
    """natd on one gateway host.

    `settings` maps configuration keys to values (--set), `config` is the text of a configuration file.
    Without `start=False` it runs, and is ready, when the constructor returns. With `watched=False` no check minds
    internal addresses on the external side, as is right where natd is set to let them out.
    """

    def __init__(self, lab, host, datapath="auto", settings=None, config=None, start=True, watched=True):
        self.lab = lab
        self.host = host
        self.datapath = datapath
        self.settings = dict(settings or {})
        self.watched = watched
        self.control = lab.path / f"{host}.sock"
        self.config = None
        if config is not None:
            self.config = lab.path / f"{host}.conf"
            self.config.write_text(config)
        self.process = None
        if start:
            self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process is not None:
            self.stop()

    def argv(self):
        argv = [binary("natd"), "--internal", "lan0", "--external", "wan0", "--control", self.control,
                "--datapath", self.datapath]
        if self.config is not None:
            argv += ["--config", self.config]
        for key, value in self.settings.items():
            argv += ["--set", f"{key}={value}"]
        return argv

    def start(self, ready=r"^natd: ready"):
        """Starts it and waits until it says that it is ready."""
        self.process = self.lab.start(self.host, *self.argv(), ready=ready, name="natd", timeout=20)
        if self.watched:
            watch.begin(self.lab, self.host, self.datapath)
        return self

    def stop(self, timeout=10.0):
        """SIGTERM; returns the exit code."""
        code = self.process.end(timeout)
        watch.end(self.host)
        return code

    def kill(self):
        """kill -9: what it had set up stays behind."""
        return self.process.kill()

    def cleanup(self):
        """natd --cleanup, as an administrator would run it after a crash."""
        return self.host.run(str(binary("natd")), "--cleanup")

    @property
    def log(self):
        return self.process.output()

    def ctl(self, *command, timeout=10):
        """Runs natctl and returns its JSON; raises Refused when it exits with anything but 0."""
        argv = self.host.argv(str(binary("natctl")), "--control", str(self.control), "--json", *map(str, command))
        done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise Refused(list(map(str, command)), done.returncode, (done.stderr + done.stdout).strip())
        return json.loads(done.stdout) if done.stdout.strip() else None

    def text(self, *command):
        """What natctl prints without --json."""
        return self.host.run(str(binary("natctl")), "--control", str(self.control), *map(str, command))

    def mode(self, preset):
        return self.ctl("mode", preset)

    def set(self, **settings):
        """set(udp__mapping="...", nat__hairpin_filter="yes") is `natctl set udp.mapping=... nat.hairpin-filter=yes`."""
        return self.ctl("set", *(f"{key.replace('__', '.').replace('_', '-')}={value}"
                                 for key, value in settings.items()))

    def behave(self, kind):
        """Mapping and filtering of one of KINDS, for UDP and TCP."""
        mapping, filtering = KINDS[kind]
        self.set(udp__mapping=mapping, udp__filtering=filtering, tcp__mapping=mapping, tcp__filtering=filtering)

    def mappings(self):
        return self.ctl("show", "mappings")["mappings"]

    def wait_alive(self):
        """Waits until the control socket answers (after a restart or a reload)."""
        def answers():
            try:
                return self.ctl("show", "stats") is not None
            except Refused:
                return False
        return wait_until(answers, "natctl to reach natd")


def start_all(lab, datapath="auto", settings=None):
    """natd on every gateway of the lab, by host name."""
    return {name: Natd(lab, lab.hosts[name], datapath, settings) for name in lab.gateways}
