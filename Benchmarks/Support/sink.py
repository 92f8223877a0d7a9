"""An nginx as webhook endpoint: N HTTPS (or clear) targets, each with its own access log."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Sink:
    """`directory` holds configuration, certificate and logs; `bodies` keeps every body as a file.

    With `fail_share` that share of the events, drawn by id, is answered 422 at every attempt.
    `nice` lets it take only what the broker leaves: it stands for other machines."""

    def __init__(self, directory, endpoints, tls=True, bodies=False, workers=1, log=True,
                 fail_share=0, nice=0):
        self.directory = pathlib.Path(directory)
        self.endpoints = endpoints
        self.tls = tls
        self.bodies = bodies
        self.workers = workers
        self.log = log
        self.fail_share = fail_share
        self.nice = nice
        self.port = free_port()
        self.inner_port = free_port()
        self.status_port = free_port()
        self.status = None
        self.asked = 0
        self.process = None
        shutil.rmtree(self.directory, ignore_errors=True)
        for name in ("logs", "bodies"):
            (self.directory / name).mkdir(parents=True)
        self.certificate = self.directory / "cert.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
             "-nodes", "-keyout", str(self.directory / "key.pem"), "-out", str(self.certificate),
             "-days", "30", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
            check=True, capture_output=True)

    def url(self, index):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/e{index}"

    def endpoint(self, number, types, **more):
        """What the API wants to know of an endpoint that is delivered to here."""
        draft = {"uid": f"e{number}", "url": self.url(number), "eventTypes": types, **more}
        if self.tls:
            draft["ca"] = self.certificate.read_text()
        return draft

    def configuration(self):
        body = (
            f"client_body_in_file_only on; proxy_pass http://127.0.0.1:{self.inner_port};"
            if self.bodies else "return 204;")
        if self.fail_share:
            body = "if ($fails) { return 422; } " + body
        locations = "\n".join(
            f"""location = /e{i} {{
                 access_log {self.directory}/logs/e{i}.log line buffer=64k flush=1s;
                 {body} }}""" for i in range(self.endpoints)) if self.log else (
            f"location / {{ access_log off; {body} }}")
        fails = (f"split_clients $http_webhook_id $fails {{ {self.fail_share * 100:g}% 1; * ''; }}"
                 if self.fail_share else "")
        tls = (f"ssl_certificate {self.certificate}; ssl_certificate_key {self.directory}/key.pem;"
               "ssl_session_tickets on; ssl_protocols TLSv1.2 TLSv1.3;" if self.tls else "")
        return f"""
daemon off; user root; worker_processes {self.workers}; pid {self.directory}/nginx.pid;
error_log {self.directory}/error.log;
events {{ worker_connections 8192; }}
http {{
  log_format line '$msec $http_webhook_id $http_webhook_timestamp $request_body_file $http_webhook_signature';
  access_log off;
  client_body_temp_path {self.directory}/bodies; proxy_temp_path {self.directory}/proxy;
  fastcgi_temp_path {self.directory}/f; uwsgi_temp_path {self.directory}/u; scgi_temp_path {self.directory}/s;
  {fails}
  keepalive_requests 1000000000; keepalive_timeout 600s; client_max_body_size 4m; client_body_buffer_size 64k;
  server {{
    listen 127.0.0.1:{self.port} {'ssl' if self.tls else ''} backlog=4096;
    {tls}
    {locations}
  }}
  server {{ listen 127.0.0.1:{self.inner_port}; location / {{ return 204; }} }}
  server {{ listen 127.0.0.1:{self.status_port}; location / {{ stub_status; }} }}
}}"""

    def start(self):
        path = self.directory / "nginx.conf"
        path.write_text(self.configuration())
        self.process = subprocess.Popen(
            ["nice", "-n", str(self.nice), "nginx", "-p", str(self.directory), "-c", str(path)],
            stderr=open(self.directory / "stderr.log", "ab"))
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("nginx did not start: " + (self.directory / "error.log").read_text())

    def requests(self):
        """How many requests came in so far, by nginx's own count, those for the count left out."""
        if self.status is None:
            self.status = socket.create_connection(("127.0.0.1", self.status_port), 10)
        self.asked += 1
        self.status.sendall(b"GET / HTTP/1.1\r\nHost: status\r\n\r\n")
        answer = b""
        # The last line; the one before the counts ends in "requests".
        while b"Waiting:" not in answer or not answer.endswith(b"\n"):
            chunk = self.status.recv(4096)
            if not chunk:
                raise ConnectionError("nginx closed the connection for its status")
            answer += chunk
        counts = answer.split(b"requests")[1].split(b"Reading")[0].split()
        return int(counts[2]) - self.asked

    def pin(self, core):
        """Lets nginx run on this core only."""
        workers = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for pid in [self.process.pid, *map(int, workers.read_text().split())]:
            os.sched_setaffinity(pid, {core})

    def stop(self):
        """Ends nginx; buffered log lines are written."""
        if self.status:
            self.status.close()
            self.status = None
            self.asked = 0
        if self.process:
            self.process.send_signal(signal.SIGQUIT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def reopen(self):
        """Makes nginx write buffered log lines out."""
        pid = int((self.directory / "nginx.pid").read_text())
        os.kill(pid, signal.SIGUSR1)
        time.sleep(0.5)

    def lines(self, index):
        path = self.directory / "logs" / f"e{index}.log"
        if not path.exists():
            return
        with open(path, encoding="ascii", errors="replace") as file:
            for line in file:
                yield line.rstrip("\n").split(" ", 4)
