"""A server that keeps the first request it gets, byte for byte: what does a sender really send?"""

import dataclasses
import socket
import ssl
import threading
import time

from broker import Broker, Publisher
from sink import Sink, free_port

# What a sender writes of itself, by the address it connects to and the body it has.
OWN = {"host", "content-length"}


@dataclasses.dataclass
class Request:
    """An HTTP request as it came in."""

    head: bytes
    body: bytes
    cipher: str = ""

    @property
    def fields(self):
        """(name, value) of each header field, in order."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return [(name.strip(), value.strip()) for name, _, value in
                (line.partition(":") for line in lines if line)]

    @property
    def headers(self):
        """The fields that a sender has to be told."""
        return [(name, value) for name, value in self.fields if name.lower() not in OWN]

    @property
    def size(self):
        """Bytes on the wire, TLS aside."""
        return len(self.head) + len(self.body)

    def differences(self, other):
        """In what the other request differs: texts, empty when only the order of fields does."""
        mine = {name.lower(): value for name, value in self.fields}
        theirs = {name.lower(): value for name, value in other.fields}
        for name in ("host", "date"):
            mine.pop(name, None), theirs.pop(name, None)
        result = [f"also sends {name}: {theirs[name]}" for name in theirs if name not in mine]
        result += [f"does not send {name}" for name in mine if name not in theirs]
        result += [f"sends {name}: {theirs[name]}" for name in mine
                   if name in theirs and mine[name] != theirs[name]]
        if self.body != other.body:
            result.append(f"another body of {len(other.body)} bytes")
        return result


class Capture:
    """Stands where a `Sink` would: answers everything 204, and keeps the first request."""

    def __init__(self, directory, tls):
        sink = Sink(directory, 1, tls=tls, log=False)
        self.tls = tls
        self.certificate = sink.certificate
        self.request = None
        self.count = 0
        self.port = free_port()
        self.url = sink.url
        sink.port = self.port
        self.endpoint = sink.endpoint
        self.context = None
        if tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            # As nginx does it: the client's first choice.
            self.context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
            self.context.load_cert_chain(sink.certificate, sink.directory / "key.pem")
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=512)
        threading.Thread(target=self.accept, daemon=True).start()

    def requests(self):
        return self.count

    def stop(self):
        # Closing alone would leave the other thread in `accept`.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while True:
            try:
                stream, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(stream,), daemon=True).start()

    def serve(self, stream):
        """Reads and answers requests until the connection ends."""
        cipher = ""
        try:
            if self.context:
                stream = self.context.wrap_socket(stream, server_side=True)
                cipher = " ".join(map(str, stream.cipher()[1::-1]))
            data = b""
            while True:
                while b"\r\n\r\n" not in data:
                    data += self.more(stream)
                head, data = data.split(b"\r\n\r\n", 1)
                request = Request(head + b"\r\n\r\n", b"", cipher)
                size = int(dict((name.lower(), value) for name, value in request.fields)
                           .get("content-length", 0))
                while len(data) < size:
                    data += self.more(stream)
                request.body, data = data[:size], data[size:]
                self.request = self.request or request
                self.count += 1
                stream.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        except OSError:
            stream.close()

    @staticmethod
    def more(stream):
        chunk = stream.recv(1 << 16)
        if not chunk:
            raise ConnectionError
        return chunk


def captured_delivery(directory, payload, tls=True, type="job.completed"):
    """The request with which a broker of its own delivers `payload`."""
    capture = Capture(directory / "capture", tls)
    broker = Broker(directory / "capture-data").clear().start()
    try:
        broker.add_endpoints([capture.endpoint(10, ["job.*"])])
        publisher = Publisher(broker.socket).connect()
        publisher.stream.sendall(publisher.command("PUBLISH", type, payload))
        reply = publisher.reply()
        if reply != 1:
            raise RuntimeError(f"the broker answered {reply!r} to what was to be captured")
        begun = time.time()
        while capture.request is None:
            if time.time() - begun > 20:
                raise RuntimeError(f"nothing was delivered to be captured; see {broker.log}")
            time.sleep(0.01)
        return capture.request
    finally:
        broker.stop()
        capture.stop()
