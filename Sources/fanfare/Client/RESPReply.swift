internal import Base

/// One answer of the local socket.
indirect enum RESPReply: Equatable, Sendable {
  case simple(String)
  /// `CODE text`.
  case error(String)
  case integer(Int64)
  case bulk(String)
  case null
  case list([RESPReply])

  /// The text of a string of either kind.
  var text: String? {
    switch self {
    case .simple(let text), .bulk(let text): text
    case .integer(let value): "\(value)"
    case .error, .null, .list: nil
    }
  }

  /// The value after a key, in a map or in the flat list that RESP2 has for one.
  subscript(key: String) -> RESPReply? {
    guard case .list(let items) = self else { return nil }
    for index in stride(from: 0, to: items.count - 1, by: 2) where items[index].text == key {
      return items[index + 1]
    }
    return nil
  }

  /// The failure that an error answer means; `nil` for any other answer.
  ///
  /// > Source: the table of exit codes.
  var failure: Failure? {
    guard case .error(let line) = self else { return nil }
    let words = line.split(separator: " ", maxSplits: 1)
    let code = words.first.map(String.init) ?? "ERR"
    let detail = Console.clean(words.count > 1 ? String(words[1]) : line)
    switch code {
    case "REJECTED": return Failure(.failed, "rejected by \(detail)")
    case "TOOLARGE": return Failure(.badData, "too large: \(detail)")
    case "CONFLICT":
      return Failure(
        .badData, "conflict: \(detail)",
        next: ["publish it under another --id, or without one"])
    case "SPOOLFULL": return Failure(.tryLater, detail)
    case "NOPERM": return Failure(.noAccess, "not permitted: \(detail)")
    case "ERR" where detail.hasPrefix("shutting down"): return Failure(.tryLater, detail)
    default: return Failure(.badData, detail)
    }
  }
}

/// Reads answers out of the bytes that came so far.
///
/// `@safe`: the bytes are lent for one call, and every access is within their count.
///
/// > Source: redis.io/docs/reference/protocol-spec.
@safe
struct RESPReplyReader {
  /// What is no answer in the Redis protocol.
  struct Garbage: Error {}

  /// Nesting that no answer of ours reaches.
  private static let depthMax = 16

  private let bytes: UnsafeRawBufferPointer
  private(set) var position = 0

  private init(_ bytes: UnsafeRawBufferPointer) { unsafe self.bytes = unsafe bytes }

  /// Takes the first whole answer from the front of `buffer`.
  ///
  /// - Returns: `nil` when none is whole yet.
  static func take(from buffer: inout ByteBuffer) throws(Garbage) -> RESPReply? {
    var used = 0
    let reply = try unsafe buffer.withBytes { (bytes) throws(Garbage) -> RESPReply? in
      var reader = unsafe RESPReplyReader(bytes)
      let reply = try reader.reply(depth: 0)
      used = reader.position
      return reply
    }
    if reply != nil { buffer.consume(used) }
    return reply
  }

  private mutating func reply(depth: Int) throws(Garbage) -> RESPReply? {
    guard depth <= Self.depthMax else { throw Garbage() }
    guard let line = line() else { return nil }
    guard let kind = line.first else { throw Garbage() }
    let rest = String(line.dropFirst())
    switch kind {
    case "+": return .simple(rest)
    case "-": return .error(rest)
    case ":":
      guard let value = Int64(rest) else { throw Garbage() }
      return .integer(value)
    case "_": return .null
    case "#": return .simple(rest == "t" ? "true" : "false")
    case ",", "(": return .simple(rest)
    case "$", "=", "!": return try bulk(length: rest)
    case "*", ">", "~": return try list(count: rest, factor: 1, depth)
    case "%": return try list(count: rest, factor: 2, depth)
    default: throw Garbage()
    }
  }

  private mutating func bulk(length: String) throws(Garbage) -> RESPReply? {
    guard let length = Int(length), length <= 64 << 20 else { throw Garbage() }
    guard length >= 0 else { return .null }
    guard unsafe position + length + 2 <= bytes.count else { return nil }
    let text = unsafe String(decoding: bytes[position..<position + length], as: UTF8.self)
    position += length + 2
    return .bulk(text)
  }

  private mutating func list(count: String, factor: Int, _ depth: Int) throws(Garbage)
    -> RESPReply?
  {
    guard let count = Int(count), count <= 1 << 20 else { throw Garbage() }
    guard count >= 0 else { return .null }
    var items: [RESPReply] = []
    for _ in 0..<count * factor {
      guard let item = try reply(depth: depth + 1) else { return nil }
      items.append(item)
    }
    return .list(items)
  }

  /// The bytes up to the next CRLF, as text.
  private mutating func line() -> String? {
    var end = position
    while unsafe end + 1 < bytes.count {
      if unsafe bytes[end] == 0x0D && bytes[end + 1] == 0x0A {
        let text = unsafe String(decoding: bytes[position..<end], as: UTF8.self)
        position = end + 2
        return text
      }
      end += 1
    }
    return nil
  }
}
