"""Fanfare itself: the broker, published to through its socket."""

import os
import time

from broker import BINARY, Broker, Publisher
from processes import run_to_end

from .peer import Fed


class Fanfare(Fed):
    name = "Fanfare"
    setup = ("`redis-benchmark PUBLISH`, 16 connections, `-P 64`; acknowledged when synced, "
             "signed, certificate verified, every outcome recorded")
    few = 1000

    def missing(self):
        return None if os.path.exists(BINARY) else f"no {BINARY}: build it, or run Ops/start"

    def open(self, job):
        super().open(job)
        self.broker = Broker(job.folder / "data", core=job.core).clear().start()
        self.broker.add_endpoints([
            job.sink.endpoint(10 + number, ["job.*"],
                              maxInFlight=max(1, job.connections // job.fan_out))
            for number in range(job.fan_out)])

    def close(self):
        if self.broker.process and self.broker.process.poll() is None:
            self.broker.stop()
        self.broker.clear()

    def cpu(self):
        return sum(self.broker.cpu_seconds())

    def claimed(self):
        """What it has recorded as delivered."""
        return self.broker.get("/api/v1/status")["deliveries"]["delivered"]

    def feed(self, events):
        publish(self.broker.socket, self.job.payload, events, self.job.other_core)

    def deliver(self, events):
        self.goal = self.claimed() + events * self.job.fan_out
        super().deliver(events)

    def settle(self):
        """Waits until every outcome is on disk: only then they are counted."""
        begun = time.monotonic()
        while self.claimed() < self.goal:
            if time.monotonic() - begun > self.patience:
                raise RuntimeError(f"all deliveries arrived; the broker still has "
                                   f"{self.goal - self.claimed():,} to record")
            time.sleep(0.1)


class FanfareHeldBack(Fanfare):
    """Publishing waits for deliveries, so that commits are shared by fewer of them."""

    name = "Fanfare, held back"
    setup = ("published 16 events at a time, only while fewer than 2,048 deliveries are on their "
             "way: smaller commits")
    batch = 16
    window = 2048

    def feed(self, events):
        """Publishes as deliveries arrive."""
        job = self.job
        publisher = Publisher(self.broker.socket).connect()
        number = job.payload.replace("__rand_int__", "000000123456")
        command = publisher.command("PUBLISH", "job.completed", number)
        start, published = job.sink.requests(), 0
        while published < events:
            count = min(self.batch, events - published)
            if published * job.fan_out - (job.sink.requests() - start) > self.window:
                time.sleep(0.001)
                continue
            publisher.stream.sendall(command * count)
            for _ in range(count):
                reply = publisher.reply()
                if isinstance(reply, Exception):
                    raise reply
            published += count
        publisher.stream.close()


def publish(socket, payload, events, core=None, connections=16):
    """Publishes so many events by redis-benchmark."""
    # No more than a few MiB on their way on each connection.
    pipeline = max(1, min(64, (1 << 18) // len(payload)))
    # It sends whole pipelines only: the rest, in a second run, one by one.
    whole = events - events % pipeline
    for count, depth in ((whole, pipeline), (events - whole, 1)):
        if count:
            run_to_end(
                ["redis-benchmark", "-s", socket, "-n", str(count), "-P", str(depth), "-c",
                 str(min(connections, max(1, count // depth))), "-r", "1000000000", "-q",
                 "PUBLISH", "job.completed", payload], core)
