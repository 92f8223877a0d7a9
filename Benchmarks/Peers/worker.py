"""A worker as small shops write it: worker.py SOCKET HEAD CA|- THREADS URL…

Takes events from a Redis list and posts each to every URL, `THREADS` at a time. Prints "ready"
once it listens, and runs until it is ended."""

import signal
import sys
import threading

import redis
import requests


def session(authority):
    """One that keeps its connections, and is not held up by proxies and .netrc."""
    result = requests.Session()
    result.trust_env = False
    result.verify = authority if authority != "-" else True
    return result


def work(queue, headers, authority, urls):
    client = session(authority)
    while True:
        _, body = queue.brpop("deliveries")
        for url in urls:
            answer = client.post(url, data=body, headers=headers, timeout=30)
            answer.raise_for_status()


def main():
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    path, head, authority, threads, *urls = sys.argv[1:]
    with open(head) as file:
        headers = dict(line.rstrip("\n").split(": ", 1) for line in file)
    queue = redis.Redis(unix_socket_path=path, max_connections=int(threads))
    for _ in range(int(threads)):
        threading.Thread(target=work, args=(queue, headers, authority, urls), daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
