#!/usr/bin/env python3
"""Measures the API. See `run --help`."""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Support"))
from broker import Broker
from events import say
from sink import Sink

WORK = pathlib.Path(tempfile.gettempdir()) / "fanfare-measure"
ENDPOINTS = 10
# Then the deliveries rest: neither dead letters nor more attempts while lists are timed.
RETRY = ",".join(["100ms"] * 9 + ["6h"])
TRIES = 10


def labelled(broker, name):
    """A metric with labels: values by the whole label text."""
    values = {}
    for line in broker.fetch("/metrics").decode().splitlines():
        if line.startswith(name + "{"):
            labels, value = line[len(name):].rsplit(" ", 1)
            values[labels] = float(value)
    return values


def failed(broker):
    return labelled(broker, "fanfare_attempts_total")['{result="status"}']


def fill(broker, rows):
    """Has every event fail ten times at every endpoint, until there are so many attempts."""
    begun = time.time()
    while failed(broker) < rows:
        events = int((rows - failed(broker)) / ENDPOINTS / TRIES) + 1
        before = failed(broker)
        subprocess.run(
            ["redis-benchmark", "-s", broker.socket, "-n", str(events), "-c", "4", "-q",
             "PUBLISH", "job.failed", json.dumps({"pad": "x" * 400})],
            capture_output=True, check=True)
        while failed(broker) < min(rows, before + events * ENDPOINTS * TRIES):
            time.sleep(0.5)
    took = time.time() - begun
    made = failed(broker)
    while broker.metric("fanfare_attempts_kept") < made - unkept(broker):
        time.sleep(0.5)
    return took, time.time() - begun - took


def unkept(broker):
    return sum(labelled(broker, "fanfare_attempts_unkept_total").values())


def timed(api, headers, path, times):
    """Seconds that each of some requests took, and the last answer."""
    seconds = []
    for _ in range(times):
        begun = time.perf_counter()
        api.request("GET", "/api/v1/app/default" + path, headers=headers)
        answer = api.getresponse()
        text = answer.read()
        seconds.append(time.perf_counter() - begun)
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {text.decode()}")
    return sorted(seconds), json.loads(text)


def lists(broker):
    """The lists that people ask for, by name; pages far back as well."""
    api, headers = broker.api()
    first = json.loads(broker.fetch("/api/v1/app/default/attempt/endpoint/e0?limit=250"))
    page, name = first, "/attempt/endpoint/e0?limit=250"
    for _ in range(40):
        page = json.loads(broker.fetch(f"/api/v1/app/default{name}&iterator={page['iterator']}"))
    middle = page["data"][-1]["timestamp"]
    return api, headers, {
        "newest 50 of an endpoint": "/attempt/endpoint/e0",
        "newest 250": name,
        "250 without their answers": name + "&with_content=false",
        "failed, 50": "/attempt/endpoint/e5?status=2",
        "succeeded, of which there is none": "/attempt/endpoint/e5?status=0",
        "10,000 back, 250": f"{name}&iterator={page['iterator']}",
        "before a time": f"/attempt/endpoint/e9?before={middle}",
        "of one event": f"/attempt/msg/{first['data'][0]['msgId']}",
    }


def show(broker, label, times):
    api, headers, paths = lists(broker)
    slowest = 0
    for name, path in paths.items():
        seconds, page = timed(api, headers, path, times)
        slowest = max(slowest, seconds[-1])
        say(f"  {label} {name:34} p50 {seconds[len(seconds) // 2] * 1e3:6.1f} ms  max "
            f"{seconds[-1] * 1e3:6.1f} ms  {len(page['data'])} attempts")
    return slowest


def measure_attempts(options):
    """Lists of attempts while the store is full: every one under 100 ms."""
    sink = Sink(WORK / "nginx", ENDPOINTS, tls=False, log=False, fail_share=1).start()
    broker = Broker(WORK / "data", attempts_max_rows=options.rows * 2).clear().start()
    try:
        broker.add_endpoints([sink.endpoint(n, ["job.*"], retry=RETRY) for n in range(ENDPOINTS)])
        took, lag = fill(broker, options.rows)
        made = failed(broker)
        left = labelled(broker, "fanfare_attempts_unkept_total")['{reason="busy_failure"}']
        kept = broker.metric("fanfare_attempts_kept")
        say(f"attempts: {made:,.0f} failed in {took:.0f} s, {made / took:,.0f} a second; all written "
            f"{lag:.1f} s later; kept {kept:,.0f}, failures left out "
            f"{left:,.0f}, answers left out "
            f"{broker.metric('fanfare_attempt_answers_unkept_total'):,.0f} of them, answers hold "
            f"{broker.metric('fanfare_attempt_answer_bytes') / 2**20:.0f} MiB, attempts.db "
            f"{(broker.data / 'attempts.db').stat().st_size / 2**20:.0f} MiB, peak "
            f"{broker.resident_mib(peak=True):.0f} MiB")
        slowest = show(broker, "warm", options.times)
        broker.stop()
        broker.start()
        show(broker, "new ", 1)
    finally:
        broker.stop()
        sink.stop()
    return kept == made and slowest < 0.1


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parts = parser.add_subparsers(dest="part", required=True)
    attempts = parts.add_parser("attempts", help=measure_attempts.__doc__)
    attempts.add_argument("--rows", type=int, default=5_000_000)
    attempts.add_argument("--times", type=int, default=50, help="requests of each kind")
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    sys.exit(0 if measure_attempts(options) else 1)


if __name__ == "__main__":
    main()
