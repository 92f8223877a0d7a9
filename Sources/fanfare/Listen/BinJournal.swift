internal import Base
internal import Synchronization
internal import Wire

/// What a bin has received: prints each request as it comes, and keeps the last ones for its page.
final class BinJournal: Sendable {
  /// Requests kept for the page.
  static let keptMax = 50

  private struct State {
    var received = 0
    var kept: [BinRequest] = []
  }

  private let state = Mutex(State())
  private let style: BinLine.Style
  private let countMax: Int?
  private let onLast: @Sendable () -> Void

  /// - Parameter onLast: called once, when `countMax` requests are answered.
  init(style: BinLine.Style, countMax: Int?, onLast: @escaping @Sendable () -> Void) {
    self.style = style
    self.countMax = countMax
    self.onLast = onLast
  }

  /// Prints a request and keeps it. Requests are printed whole, one after the other.
  func note(_ request: BinRequest) {
    let isLast = state.withLock { state in
      state.received += 1
      state.kept.append(request)
      if state.kept.count > Self.keptMax { state.kept.removeFirst() }
      Console.write(BinLine.text(of: request, style), to: .standardOutput)
      return state.received == countMax
    }
    if isLast { onLast() }
  }

  /// The last requests, the newest first, and how many there were.
  var recent: (count: Int, requests: [BinRequest]) {
    state.withLock { ($0.received, $0.kept.reversed()) }
  }
}

/// A request on the terminal.
enum BinLine {
  enum Style: Sendable {
    case json
    /// A heading only.
    case brief
    /// A heading, and the body below it.
    case full
  }

  /// Bytes of a body that are shown; the rest is counted.
  static let bodyShownMax = 4_096

  /// What is printed of a request, with its line ends.
  static func text(of request: BinRequest, _ style: Style) -> String {
    switch style {
    case .json: json(request)
    case .brief: heading(of: request)
    case .full: heading(of: request) + body(of: request)
    }
  }

  private static func json(_ request: BinRequest) -> String {
    let headers = request.headers.map {
      JSONValue.Member(key: $0.name, value: .string($0.value))
    }
    var members: [(String, JSONValue?)] = [
      ("time", .string(RFC3339.text(UnixMilliseconds(request.timeMilliseconds)))),
      ("method", .string(request.method)), ("path", .string(request.path)),
      ("type", request.type.map { .string($0) }), ("id", request.id.map { .string($0) }),
    ]
    switch request.verdict {
    case .verified: members.append(("verified", .bool(true)))
    case .refused(let why): members += [("verified", .bool(false)), ("reason", .string(why))]
    case .notChecked: members.append(("verified", .null))
    }
    members += [
      ("bytes", .integer(request.body.count)), ("status", .integer(request.status)),
      ("headers", .object(headers)),
    ]
    if let json = request.json {
      members.append(("body", json))
    } else if UTF8Check.accepts(request.body) {
      members.append(("body", .string(String(decoding: request.body, as: UTF8.self))))
    } else {
      members.append(("bodyBase64", .string(Base64.encode(request.body))))
    }
    return JSONValue.members(members).compact + "\n"
  }

  private static func heading(of request: BinRequest) -> String {
    let time = Console.styled(Spans.clockText(request.timeMilliseconds), .dim)
    let type = Console.styled(Console.clean(request.type ?? "-"), .bold)
    let id = Console.clean(request.id ?? "-")
    let answer = Console.styled(
      "→ \(request.status)", (200...299).contains(request.status) ? .green : .red)
    return
      "\(time)  \(type)  \(id)  \(verdict(request.verdict))  \(request.body.count) B  \(answer)\n"
  }

  private static func verdict(_ verdict: BinRequest.Verdict) -> String {
    switch verdict {
    case .verified: Console.styled("✓ verified", .green)
    case .refused(let why): Console.styled("✗ \(Console.clean(why))", .red)
    case .notChecked: Console.styled("not checked", .dim)
    }
  }

  private static func body(of request: BinRequest) -> String {
    guard !request.body.isEmpty else { return "" }
    let text: String
    if let json = request.json {
      text = json.pretty()
    } else if UTF8Check.accepts(request.body) {
      text = Console.clean(String(decoding: request.body, as: UTF8.self), keepingLines: true)
    } else {
      return "  (\(request.body.count) bytes that are no text)\n"
    }
    var lines = text.prefix(bodyShownMax).split(separator: "\n", omittingEmptySubsequences: false)
      .map { "  \($0)\n" }
    if text.count > bodyShownMax { lines.append("  … (\(request.body.count) bytes in all)\n") }
    return lines.joined()
  }
}

extension UTF8Check {
  /// ``isValid(_:)`` for an array.
  static func accepts(_ bytes: [UInt8]) -> Bool {
    unsafe bytes.withUnsafeBytes { unsafe isValid($0) }
  }
}
