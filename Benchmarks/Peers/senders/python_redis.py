"""A queue in Redis and workers in Python that post with `requests`, as small shops do."""

import os
import pathlib
import shutil
import subprocess

from processes import run_to_end

from .peer import Fed
from .programs import BUILT

PYTHON = BUILT / "venv/bin/python"
WORKER = pathlib.Path(__file__).resolve().parents[1] / "worker.py"


class PythonRedis(Fed):
    name = "Python, requests, Redis"
    setup = ("a process a core, a thread a connection with a `Session` of its own; `BRPOP` an "
             "event, then post it to each endpoint; Redis on a unix socket, nothing persisted; the "
             "CPU is that of the workers and of redis-server")
    few = 64

    def missing(self):
        if not PYTHON.exists():
            return f"no {PYTHON}"
        return None if shutil.which("redis-server") else "apt-get install redis-server"

    def open(self, job):
        super().open(job)
        self.socket = str(job.folder / "redis.sock")
        with open(job.folder / "redis.log", "ab") as log:
            self.redis = self.spawn(
                ["redis-server", "--port", "0", "--unixsocket", self.socket, "--save", "",
                 "--appendonly", "no", "--dir", str(job.folder)], stdout=log, stderr=log)
        head, _ = job.write_request()
        authority = str(job.sink.certificate) if job.sink.tls else "-"
        # With one core, more processes only take more: 580 µs a delivery instead of 480.
        count = os.cpu_count() if job.core is None else 1
        workers = [self.spawn(
            [str(PYTHON), str(WORKER), self.socket, head, authority,
             str(max(1, job.connections // count)), *job.urls],
            stdout=subprocess.PIPE, text=True) for _ in range(count)]
        for worker in workers:
            with worker.stdout as said:
                if said.readline() != "ready\n":
                    raise RuntimeError("a Python worker did not start")

    def feed(self, events):
        run_to_end(["redis-benchmark", "-s", self.socket, "-n", str(events), "-c", "1", "-q",
                    "LPUSH", "deliveries", self.job.request.body.decode()], self.job.other_core)
