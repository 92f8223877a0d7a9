"""Publishing alone: `redis-benchmark -P 64 PUBLISH` to Fanfare and to a Redis server."""

import dataclasses
import shutil
import statistics
import subprocess
import time

from broker import Broker, Publisher
from events import say
from processes import cpu_seconds, on_core
from rounds import Figures, made_payload
from senders.fanfare import publish

CONNECTIONS = 50


@dataclasses.dataclass
class Published:
    """What was published, by round."""

    fanfare: list = dataclasses.field(default_factory=list)
    redis: list = dataclasses.field(default_factory=list)

    @property
    def ratio(self):
        return statistics.median(a.rate / b.rate for a, b in zip(self.fanfare, self.redis))

    def median(self, name, key):
        return statistics.median(getattr(figures, key) for figures in getattr(self, name))

    def plain(self):
        return dataclasses.asdict(self)


def measure(options, folder, cores):
    """All rounds, the server on one core, redis-benchmark on the other; None without a server.

    Nobody subscribes on either side; Fanfare stores and syncs every event all the same."""
    if not shutil.which("redis-server"):
        say("publish only: not measured: apt-get install redis-server")
        return None
    result = Published()
    core, other = cores or (None, None)
    payload = made_payload(512)
    broker = Broker(folder / "data", core=core).clear().start()
    socket = str(folder / "redis.sock")
    with open(folder / "redis.log", "ab") as log:
        redis = subprocess.Popen(
            [*on_core(core), "redis-server", "--port", "0", "--unixsocket", socket, "--save", "",
             "--appendonly", "no", "--dir", str(folder)], stdout=log, stderr=log)
    try:
        Publisher(socket).connect(10)
        publish(broker.socket, payload, 20_000, other, CONNECTIONS)
        for number in range(options.rounds):
            stored = accepted(broker)
            ours = load(broker.socket, broker.process.pid, payload, other, options.seconds)
            stored = accepted(broker) - stored
            theirs = load(socket, redis.pid, payload, other, options.seconds)
            result.fanfare.append(ours)
            result.redis.append(theirs)
            say(f"publish only, round {number + 1}: Fanfare {ours.rate:,.0f}/s, "
                f"{ours.micros:.2f} µs, core {ours.busy:.0%} busy, {stored:,} stored; Redis "
                f"{theirs.rate:,.0f}/s, {theirs.micros:.2f} µs, core {theirs.busy:.0%} busy")
            if stored < ours.deliveries:
                raise RuntimeError(f"{ours.deliveries:,} published, {stored:,} stored")
    finally:
        broker.stop()
        broker.clear()
        redis.terminate()
        redis.wait(20)
    return result


def load(socket, server, payload, core, seconds):
    """Publishes for about so long; CPU is the server's."""
    count = 51_200
    while True:
        cpu, begun = sum(cpu_seconds(server)), time.monotonic()
        publish(socket, payload, count, core, CONNECTIONS)
        took = time.monotonic() - begun
        if took > seconds / 2:
            return Figures(count, took, sum(cpu_seconds(server)) - cpu, None)
        count = int(count * seconds / took) // 64 * 64


def accepted(broker):
    return broker.get("/api/v1/status")["events"]["accepted"]
