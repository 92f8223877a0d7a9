"""Events to publish: the real ones, and publishing them as fast as the broker takes them."""

import json
import os
import pathlib
import random
import time

from broker import ROOT, Publisher


def say(text):
    print(text, flush=True)


def corpus():
    """(name, bytes) of every event: real GitHub ones where the corpus is, else made ones."""
    folder = pathlib.Path(os.environ.get("FANFARE_CORPUS", ROOT.parent / "shared/data/events"))
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if files:
        return [("github." + file.name.removesuffix(".json").split(".with-")[0]
                 .removesuffix(".1").replace("gh-pages", "gh_pages"), file.read_bytes())
                for file in files]
    say(f"no corpus at {folder}; using 100 made events")
    chosen = random.Random(1)
    return [(f"github.job.kind_{i % 9}", json.dumps(
        {"id": i, "steps": [{"name": f"step {chosen.random()}"} for _ in range(40 + i)]}).encode())
        for i in range(100)]


def drawn(type_of, commands, seed=1, batches=200):
    """Batches of `commands` PUBLISHes each, of corpus events drawn at random, ready to be sent.

    `type_of(number)` names the type of the event with this running number."""
    chosen = random.Random(seed)
    bodies = [body for _, body in corpus()]
    return [b"".join(Publisher.command("PUBLISH", type_of(batch * commands + i),
                                       chosen.choice(bodies)) for i in range(commands))
            for batch in range(batches)]


class Feeder:
    """Publishes batches over one connection with up to `window` of them unanswered."""

    def __init__(self, path, commands, window=16):
        self.publisher = Publisher(path).connect()
        self.commands = commands
        self.window = window

    def feed(self, batches, events):
        """Sends batches, round and round, until `events` are acknowledged; returns the seconds.

        Raises RuntimeError with the broker's words when it refuses one."""
        stream = self.publisher.stream
        begun = time.time()
        sent = answered = number = 0
        while answered < events:
            while sent < events and sent - answered < self.window * self.commands:
                stream.sendall(batches[number % len(batches)])
                number += 1
                sent += self.commands
            chunk = stream.recv(1 << 18)
            if not chunk:
                raise ConnectionError("the broker closed the connection")
            # Answers are ":N"; a reply that begins with "-" is an error.
            if b"-" in chunk:
                raise RuntimeError(chunk[chunk.index(b"-"):][:200].split(b"\r\n")[0].decode())
            answered += chunk.count(b"\n")
        return time.time() - begun
