"""A Fanfare under test: started, watched, killed and asked through its own command line."""

import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

from processes import TICKS, cpu_seconds, on_core

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("FANFARE_BINARY", str(ROOT / ".build/release/fanfare"))


class Broker:
    """`flags` go to `serve`; `settings` are keys of the configuration, dots written as `_`.

    With `core` it runs on that core only."""

    def __init__(self, directory, *flags, core=None, **settings):
        self.data = pathlib.Path(directory)
        self.flags = flags
        self.core = core
        self.environment = {**os.environ, **{f"FANFARE_{key.upper()}": str(value)
                                             for key, value in settings.items()}}
        self.process = None

    def clear(self):
        shutil.rmtree(self.data, ignore_errors=True)
        return self

    @property
    def socket(self):
        return str(self.data / "fanfare.sock")

    @property
    def log(self):
        return self.data.parent / (self.data.name + ".log")

    def launch(self):
        """Starts it, without waiting for anything."""
        self.data.mkdir(parents=True, exist_ok=True)
        log = open(self.log, "ab")
        self.process = subprocess.Popen(
            [*on_core(self.core), BINARY, "serve", "--dev", "--data", str(self.data), "--listen", "127.0.0.1:0",
             *self.flags], stdout=log, stderr=log, env=self.environment)
        return self

    def start(self):
        """Starts it and waits until its API answers."""
        return self.launch().wait_answering()

    def wait_answering(self):
        begun = time.time()
        while time.time() - begun < 60:
            if self.process.poll() is not None:
                raise RuntimeError(f"the broker ended with {self.process.returncode}; see {self.log}")
            if subprocess.run([BINARY, "health", "--data", str(self.data)],
                              capture_output=True).returncode == 0:
                self.start_seconds = time.time() - begun
                return self
            time.sleep(0.02)
        raise RuntimeError("the broker did not become ready")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
            return -9

    def run(self, *arguments, check=True, text=True):
        result = subprocess.run([BINARY, *arguments, "--data", str(self.data)],
                                capture_output=True, text=text)
        if check and result.returncode != 0:
            raise RuntimeError(f"fanfare {' '.join(arguments)}: {result.stderr}")
        return result.stdout

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "--json"))

    def add_endpoint(self, name, url, types, *flags):
        return json.loads(self.run("endpoint", "add", name, url, "--types", types, "--json", *flags))

    def api(self):
        """A connection to the API, and the headers of a request."""
        address = (self.data / "address").read_text().strip().removeprefix("http://")
        token = (self.data / "token").read_text().strip()
        return (http.client.HTTPConnection(address),
                {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})

    def fetch(self, path):
        api, headers = self.api()
        try:
            api.request("GET", path, headers=headers)
            return api.getresponse().read()
        finally:
            api.close()

    def get(self, path):
        """What the API answers. A command would take 50 ms of CPU from what is measured."""
        return json.loads(self.fetch(path))

    def metric(self, name):
        """A metric without labels."""
        for line in self.fetch("/metrics").decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        raise KeyError(name)

    def add_endpoints(self, drafts):
        """Makes many endpoints over one connection to the API."""
        api, headers = self.api()
        for draft in drafts:
            api.request("POST", "/api/v1/app/default/endpoint", json.dumps(draft), headers)
            answer = api.getresponse()
            text = answer.read()
            if answer.status != 201:
                raise RuntimeError(f"endpoint {draft['uid']}: {answer.status} {text.decode()}")

    def spool(self):
        return self.get("/api/v1/spool")

    def pending(self):
        return self.get("/api/v1/status")["deliveries"]["pending"]

    def cpu_seconds(self):
        """User and system seconds of the whole process so far."""
        return cpu_seconds(self.process.pid)

    def threads(self):
        """CPU seconds by thread name."""
        result = {}
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            name, rest = (task / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
            fields = rest.split()
            used = (int(fields[11]) + int(fields[12])) / TICKS
            result[name] = result.get(name, 0) + used
        return result

    def resident_mib(self, peak=False):
        key = "VmHWM" if peak else "VmRSS"
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith(key):
                return int(line.split()[1]) / 1024
        return 0

    def wait_empty(self, seconds, watch=None):
        """Waits until nothing is pending; returns the seconds it took, or None."""
        begun = time.time()
        while time.time() - begun < seconds:
            if self.pending() == 0:
                return time.time() - begun
            if watch:
                watch()
            time.sleep(0.1)
        return None


class Publisher:
    """A pipelining client that knows which events were acknowledged."""

    def __init__(self, path):
        self.path = path
        self.stream = None
        self.buffer = b""

    def connect(self, seconds=60):
        begun = time.time()
        while True:
            try:
                self.stream = socket.socket(socket.AF_UNIX)
                self.stream.settimeout(30)
                self.stream.connect(self.path)
                self.buffer = b""
                return self
            except OSError:
                self.stream.close()
                if time.time() - begun > seconds:
                    raise
                time.sleep(0.02)

    @staticmethod
    def command(*words):
        parts = [b"*%d\r\n" % len(words)]
        for word in words:
            word = word if isinstance(word, bytes) else str(word).encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
        return b"".join(parts)

    def reply(self):
        """One reply as bytes (bulk or simple), int, or an Exception for an error reply."""
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind == b"$":
            count = int(rest)
            while len(self.buffer) < count + 2:
                self.more()
            body, self.buffer = self.buffer[:count], self.buffer[count + 2:]
            return body
        if kind == b":":
            return int(rest)
        if kind == b"-":
            return RuntimeError(rest.decode())
        return rest

    def line(self):
        while True:
            end = self.buffer.find(b"\r\n")
            if end >= 0:
                line, self.buffer = self.buffer[:end], self.buffer[end + 2:]
                return line
            self.more()

    def more(self):
        chunk = self.stream.recv(1 << 16)
        if not chunk:
            raise ConnectionError("the broker closed the connection")
        self.buffer += chunk
