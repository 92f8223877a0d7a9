internal import TLS

/// One request that a bin received.
struct BinRequest: Sendable {
  /// What the signature came to.
  enum Verdict: Sendable, Equatable {
    case verified
    case refused(String)
    /// No secret to check with.
    case notChecked
  }

  let timeMilliseconds: UInt64
  let method: String
  let path: String
  let headers: [(name: String, value: String)]
  let body: [UInt8]
  let verdict: Verdict
  let status: Int
  /// The body, where it is JSON.
  let json: JSONValue?

  /// Reads a request and checks its signature.
  init(
    method: String, path: String, headers: [(name: String, value: String)], body: [UInt8],
    secrets: [WebhookSecret], status: Int
  ) {
    timeMilliseconds = Spans.nowMilliseconds()
    self.method = method
    self.path = path
    self.headers = headers
    self.body = body
    self.status = status
    json = JSONReader.value(of: body)
    verdict = Self.verdict(headers, body, secrets, timeMilliseconds)
  }

  /// A header by its lower-case name.
  func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

  /// The event's type, as the body of the `standard` format or a header says.
  var type: String? {
    json?["type"]?.text ?? header("webhook-type") ?? header("ce-type") ?? header("x-github-event")
  }

  /// The event's id.
  var id: String? { header("webhook-id") ?? header("svix-id") }

  private static func verdict(
    _ headers: [(name: String, value: String)], _ body: [UInt8], _ secrets: [WebhookSecret],
    _ milliseconds: UInt64
  ) -> Verdict {
    guard !secrets.isEmpty else { return .notChecked }
    let signed = WebhookHeaders { name in headers.first { $0.name == name }?.value }
    do throws(VerifyError) {
      try WebhookSignature.verify(
        signed, body: body, secrets: secrets, nowSeconds: Int64(milliseconds / 1000))
      return .verified
    } catch {
      return .refused(error.description)
    }
  }
}
