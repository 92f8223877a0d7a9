/// A command's name, found by length and bytes.
enum Verb: UInt8 {
  case publish, emit, multi, exec, discard
  case subscribe, psubscribe, unsubscribe, punsubscribe
  case spool, info, pull, ack, nack
  case hello, auth, ping, echo, quit, select, client, command, config, reset
  case unknown

  /// All names in upper case with arity as `COMMAND` tells it: negative means "at least".
  static let table: [(name: String, arity: Int64)] = [
    ("PUBLISH", 3), ("EMIT", -3), ("MULTI", 1), ("EXEC", 1), ("DISCARD", 1), ("SUBSCRIBE", -2),
    ("PSUBSCRIBE", -2), ("UNSUBSCRIBE", -1), ("PUNSUBSCRIBE", -1), ("SPOOL", -1), ("INFO", -1),
    ("HELLO", -1), ("AUTH", -2), ("PING", -1), ("ECHO", 2), ("QUIT", -1), ("SELECT", 2),
    ("CLIENT", -2), ("COMMAND", -1), ("CONFIG", -2), ("RESET", 1),
  ]

  init(_ name: FrameBytes) {
    switch name.count {
    case 3: self = name.isWord("ack") ? .ack : .unknown
    case 4: self = Self.four(name)
    case 5: self = Self.five(name)
    case 6: self = Self.six(name)
    case 7: self = Self.seven(name)
    case 9: self = name.isWord("subscribe") ? .subscribe : .unknown
    case 10: self = name.isWord("psubscribe") ? .psubscribe : .unknown
    case 11: self = name.isWord("unsubscribe") ? .unsubscribe : .unknown
    case 12: self = name.isWord("punsubscribe") ? .punsubscribe : .unknown
    default: self = .unknown
    }
  }

  private static func four(_ name: FrameBytes) -> Verb {
    if name.isWord("emit") { return .emit }
    if name.isWord("exec") { return .exec }
    if name.isWord("ping") { return .ping }
    if name.isWord("info") { return .info }
    if name.isWord("echo") { return .echo }
    if name.isWord("quit") { return .quit }
    if name.isWord("auth") { return .auth }
    if name.isWord("pull") { return .pull }
    return name.isWord("nack") ? .nack : .unknown
  }

  private static func five(_ name: FrameBytes) -> Verb {
    if name.isWord("multi") { return .multi }
    if name.isWord("hello") { return .hello }
    if name.isWord("spool") { return .spool }
    return name.isWord("reset") ? .reset : .unknown
  }

  private static func six(_ name: FrameBytes) -> Verb {
    if name.isWord("client") { return .client }
    if name.isWord("select") { return .select }
    return name.isWord("config") ? .config : .unknown
  }

  private static func seven(_ name: FrameBytes) -> Verb {
    if name.isWord("publish") { return .publish }
    if name.isWord("discard") { return .discard }
    return name.isWord("command") ? .command : .unknown
  }

  /// Whether it reads rather than publishes: refused with `--socket-publish-only`.
  var isReading: Bool {
    switch self {
    case .subscribe, .psubscribe, .unsubscribe, .punsubscribe, .spool, .info, .pull, .ack, .nack:
      true
    default: false
    }
  }

  /// Whether a RESP2 connection that tails may send it.
  var isAllowedWhileTailing: Bool {
    switch self {
    case .subscribe, .psubscribe, .unsubscribe, .punsubscribe, .ping, .quit, .reset: true
    default: false
    }
  }
}
