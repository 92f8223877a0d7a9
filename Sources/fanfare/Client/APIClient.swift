internal import Wire

/// A client of the broker's API: bearer token, JSON, one connection a request.
struct APIClient: Sendable {
  /// How long one request may take to connect, and then to be answered.
  static let timeoutSeconds = 30

  let target: URLTarget
  let token: String?
  /// PEM text of whom to trust instead of the system's authorities.
  let roots: String?
  /// What to try when nobody answers.
  let advice: [String]
  /// Where the URL came from, for messages.
  var source: String?

  /// Sends a request and returns whatever comes back.
  ///
  /// - Parameter path: from the root of the API, with query.
  /// - Throws: exit 69 when nobody answers.
  func send(_ method: String, _ path: String, body: JSONValue? = nil) throws(Failure) -> APIAnswer {
    do throws(HTTPExchange.TransportError) {
      var exchange = try HTTPExchange(
        to: target, roots: roots, timeoutSeconds: Self.timeoutSeconds)
      return try exchange.send(request(method, path, body))
    } catch {
      let place = source.map { " (from \($0))" } ?? ""
      if error.isCertificate {
        throw Failure(
          .unreachable, "the broker at \(base)\(place) is not trusted: \(error.text)",
          next: ["trust its certificate: --api-ca FILE, or FANFARE_API_CA"])
      }
      throw Failure(
        .unreachable, "no broker answers at \(base)\(place): \(error.text)", next: advice)
    }
  }

  /// Sends a request whose answer must be good.
  ///
  /// - Throws: the exit code that the contract has for the answer's status.
  @discardableResult
  func call(_ method: String, _ path: String, body: JSONValue? = nil) throws(Failure) -> APIAnswer {
    let answer = try send(method, path, body: body)
    guard (200...299).contains(answer.status) else { throw APIProblem.failure(for: answer) }
    return answer
  }

  /// The JSON that a good answer carries.
  func value(_ method: String, _ path: String, body: JSONValue? = nil) throws(Failure) -> JSONValue
  {
    let answer = try call(method, path, body: body)
    guard let json = answer.json else {
      throw Failure(.internalFault, "the answer to \(method) \(path) is not JSON")
    }
    return json
  }

  /// The elements of a list, page after page; a page may be empty and not be the last.
  ///
  /// - Parameter max: so many at most.
  func list(_ path: String, max: Int = 100_000) throws(Failure) -> [JSONValue] {
    var elements: [JSONValue] = []
    var iterator: String?
    while elements.count < max {
      let separator = path.contains("?") ? "&" : "?"
      let from = iterator.map { "&iterator=\(PathText.encoded($0))" } ?? ""
      let limit = min(max - elements.count, 250)
      let page = try value("GET", "\(path)\(separator)limit=\(limit)\(from)")
      elements += page["data"]?.elements ?? []
      guard page["done"] != .bool(true), let next = page["iterator"]?.text, next != iterator else {
        break
      }
      iterator = next
    }
    return Array(elements.prefix(max))
  }

  /// The URL of the API, without a path.
  var base: String { "\(target.scheme.rawValue)://\(target.authority)" }

  private func request(_ method: String, _ path: String, _ body: JSONValue?) -> [UInt8] {
    let prefix = target.pathAndQuery == "/" ? "" : target.pathAndQuery
    let content = body.map { Array($0.compact.utf8) } ?? []
    var head = "\(method) \(prefix)\(path) HTTP/1.1\r\nHost: \(target.authority)\r\n"
    head += "User-Agent: fanfare-cli/\(programVersion)\r\nAccept: application/json\r\n"
    head += "Connection: close\r\n"
    if let token { head += "Authorization: Bearer \(token)\r\n" }
    if body != nil { head += "Content-Type: application/json\r\n" }
    if body != nil || method != "GET" { head += "Content-Length: \(content.count)\r\n" }
    return Array((head + "\r\n").utf8) + content
  }
}

/// What the API's refusals mean to somebody at a terminal.
enum APIProblem {
  /// The failure for an answer that is no success.
  static func failure(for answer: APIAnswer) -> Failure {
    Failure(code(for: answer.status), text(of: answer), next: advice(for: answer.status))
  }

  /// > Source: the table of exit codes.
  static func code(for status: Int) -> Failure.Code {
    switch status {
    case 400, 422, 409, 413: .badData
    case 401: .noAccess
    case 429, 503: .tryLater
    case 500...599: .internalFault
    default: .failed
    }
  }

  private static func advice(for status: Int) -> [String] {
    status == 401 ? ["give the right token: --token @FILE or FANFARE_TOKEN"] : []
  }

  /// `{"code","detail"}`, where the detail is a text or a list of `{"loc","msg"}`.
  private static func text(of answer: APIAnswer) -> String {
    let json = answer.json
    if let text = json?["detail"]?.text { return Console.clean(text) }
    let lines = (json?["detail"]?.elements ?? []).compactMap { item -> String? in
      guard let message = item["msg"]?.text else { return nil }
      guard let field = item["loc"]?.elements.compactMap(\.shown).last, field != "body" else {
        return message
      }
      return "\(field): \(message)"
    }
    if !lines.isEmpty { return Console.clean(lines.joined(separator: "; ")) }
    return "the broker answered \(answer.status)"
  }
}
