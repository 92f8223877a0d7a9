import Foundation
import Glibc
import Testing

/// A certificate for 127.0.0.1 that vouches for itself, made by OpenSSL's own program.
struct TestCertificate {
  let certificate: String
  let key: String

  static func make(in folder: TemporaryFolder) async throws -> TestCertificate {
    let pair = TestCertificate(certificate: folder.file("c.pem"), key: folder.file("k.pem"))
    let result = try await Child.run(
      try Tools.find("openssl"),
      [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-keyout", pair.key, "-out", pair.certificate, "-days", "2", "-subj", "/CN=localhost",
        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
      ])
    try #require(result.status == 0, "openssl: \(result.talk)")
    return pair
  }
}

/// A receiver in Python that has each request judged by the official `standardwebhooks` package.
final class PythonReceiver {
  /// One request, as the judge saw it.
  struct Request: Decodable {
    let path, id: String
    /// Empty when the signature was good.
    let problem: String
    let body: String

    var bytes: Data { Data(base64Encoded: body) ?? Data() }
  }

  let port: Int
  let certificate: TestCertificate
  private let folder: TemporaryFolder
  private let secrets: String
  private var process: Child?

  /// Makes one that is not running yet.
  init() async throws {
    folder = try TemporaryFolder()
    certificate = try await TestCertificate.make(in: folder)
    port = try freePort()
    secrets = folder.file("secrets.json")
    try folder.write(Self.program, to: "receiver.py")
    try folder.write("{}", to: "secrets.json")
  }

  /// Names the secret that requests for `path` are judged by.
  func expect(_ secret: String, at path: String) throws {
    var known = try JSONDecoder().decode(
      [String: String].self, from: Data(contentsOf: URL(fileURLWithPath: secrets)))
    known[path] = secret
    try JSONEncoder().encode(known).write(to: URL(fileURLWithPath: secrets), options: .atomic)
  }

  func start() async throws {
    let child = try Child(
      try Tools.python(),
      [
        folder.file("receiver.py"), "\(port)", certificate.certificate, certificate.key, secrets,
        folder.file("requests"),
      ])
    process = child
    try await eventually("the Python receiver listens", details: { child.talk }) {
      guard child.isRunning else { throw TimedOut(description: "it ended: \(child.talk)") }
      return child.output.contains("listening")
    }
  }

  func stop() async throws {
    _ = try await process?.stop(SIGKILL)
    process = nil
  }

  /// Everything that came so far.
  var requests: [Request] {
    folder.read("requests").split(separator: "\n").compactMap {
      try? JSONDecoder().decode(Request.self, from: Data($0.utf8))
    }
  }

  /// What came for one path.
  func requests(at path: String) -> [Request] { requests.filter { $0.path == path } }

  private static let program = """
    import base64, http.server, json, ssl, sys, threading
    from standardwebhooks.webhooks import Webhook

    port, certificate, key, secrets, log = int(sys.argv[1]), *sys.argv[2:6]
    lock = threading.Lock()
    out = open(log, "a", buffering=1)


    class Receiver(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            problem = ""
            try:
                headers = {name.lower(): value for name, value in self.headers.items()}
                secret = json.load(open(secrets))[self.path]
                judge = official if body[:1] in (b"{", b"[") else by_signature
                judge(secret, body, headers)
            except Exception as error:
                problem = repr(error)
            entry = {"path": self.path, "id": self.headers.get("webhook-id", ""),
                     "problem": problem, "body": base64.b64encode(body).decode()}
            with lock:
                out.write(json.dumps(entry) + "\\n")
            self.send_response(204)
            self.end_headers()

        def log_message(self, *arguments):
            pass


    def official(secret, body, headers):
        Webhook(secret).verify(body, headers)


    def by_signature(secret, body, headers):
        # verify() parses JSON at its end; a body that is none is compared by its signature.
        from datetime import datetime, timezone
        stamp = datetime.fromtimestamp(int(headers["webhook-timestamp"]), tz=timezone.utc)
        mine = Webhook(secret).sign(headers["webhook-id"], stamp, body.decode())
        if mine not in headers["webhook-signature"].split():
            raise ValueError("no signature matches")


    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128


    server = Server(("127.0.0.1", port), Receiver)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False)
    print("listening", flush=True)
    server.serve_forever()
    """
}

/// nginx over HTTPS: answers 204 to everything and logs path and `webhook-id`.
final class NginxReceiver {
  let port: Int
  let certificate: TestCertificate
  private let folder: TemporaryFolder
  private var process: Child?

  /// Makes one that is not running yet.
  /// - Parameter locations: of nginx's configuration, beside the one that answers 204.
  init(locations: String = "") async throws {
    folder = try TemporaryFolder()
    certificate = try await TestCertificate.make(in: folder)
    port = try freePort()
    try folder.write(
      """
      daemon off;
      # One process: a worker that outlived a killed master would be waited for without end.
      master_process off;
      pid nginx.pid;
      error_log error.log warn;
      events { worker_connections 1024; }
      http {
        log_format webhooks '$uri $http_webhook_id';
        access_log access.log webhooks;
        client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
        uwsgi_temp_path uwsgi; scgi_temp_path scgi;
        keepalive_requests 1000000;
        client_max_body_size 8m;
        server {
          listen 127.0.0.1:\(port) ssl;
          ssl_certificate \(certificate.certificate);
          ssl_certificate_key \(certificate.key);
          location / { return 204; }
          \(locations)
        }
      }
      """, to: "nginx.conf")
  }

  func start() async throws {
    let child = try Child(
      try Tools.find("nginx"),
      ["-p", folder.path, "-e", folder.file("error.log"), "-c", folder.file("nginx.conf")])
    process = child
    try await eventually("nginx listens", details: { child.talk + self.folder.read("error.log") }) {
      guard child.isRunning else { throw TimedOut(description: "nginx ended: \(child.talk)") }
      return try await Child.run(
        try Tools.find("curl"), ["-ks", "https://127.0.0.1:\(port)/probe"]
      ).status == 0
    }
  }

  func stop() async throws {
    _ = try await process?.stop(SIGQUIT)
    process = nil
  }

  /// Ends it with its connections, as a crash would.
  func kill() async throws {
    _ = try await process?.stop(SIGKILL)
    process = nil
  }

  /// The ids that came for a path, in their order.
  func ids(at path: String) -> [Substring] {
    folder.read("access.log").split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      return words.count == 2 && words[0] == path ? words[1] : nil
    }
  }

  /// All ids, by path.
  func idsByPath() -> [Substring: [Substring]] {
    var ids: [Substring: [Substring]] = [:]
    for line in folder.read("access.log").split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 2, words[1] != "-" { ids[words[0], default: []].append(words[1]) }
    }
    return ids
  }
}

/// Events to publish: the real corpus where it lies beside the clone, else some made up here.
enum Corpus {
  struct Event {
    let type: String
    let file: String
    let bytes: Data
  }

  /// - Parameter folder: where made-up events are written.
  static func events(in folder: TemporaryFolder) throws -> [Event] {
    let place = URL(fileURLWithPath: #filePath)
    for depth in 4...5 {
      var root = place
      for _ in 0..<depth { root.deleteLastPathComponent() }
      let real = root.appending(path: "shared/data/events").path
      let names = ((try? FileManager.default.contentsOfDirectory(atPath: real)) ?? []).sorted()
        .filter { $0.hasSuffix(".json") }
      if !names.isEmpty {
        return try names.map { try event("github", "\(real)/\($0)") }
      }
    }
    return try (1...60).map { number in
      let text = """
        {"job": \(number),  "text": "größer \\u00e9 \\"x\\"", "list": [1, 2.50, null, true]}

        """
      return try event("job", folder.write(text, to: "made-\(number).json"))
    }
  }

  private static func event(_ prefix: String, _ path: String) throws -> Event {
    let url = URL(fileURLWithPath: path)
    let name = url.deletingPathExtension().lastPathComponent
    return Event(type: "\(prefix).\(name)", file: path, bytes: try Data(contentsOf: url))
  }
}
