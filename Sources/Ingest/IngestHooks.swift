/// An answer of the control plane, as the socket can carry it.
public indirect enum HookValue: Sendable, Equatable {
  /// A bulk string.
  case text(String)
  /// An integer.
  case integer(Int64)
  /// An array.
  case array([HookValue])
  /// A map in this order; in RESP2 an array of twice the length.
  case map([HookPair])
  /// An error reply; the text begins with its code, as in `ERR no such endpoint`.
  case failure(String)
}

/// One line of a ``HookValue/map(_:)``.
public struct HookPair: Sendable, Equatable {
  /// Left side.
  public var key: String
  /// Right side.
  public var value: HookValue
  /// Pairs the two.
  public init(_ key: String, _ value: HookValue) {
    self.key = key
    self.value = value
  }
}

/// What ingest asks of the rest of the broker, on cold paths only.
public struct IngestHooks: Sendable {
  /// Gives an answer back, once, from any thread, at once or later.
  public typealias Answer = @Sendable (HookValue) -> Void

  /// `SPOOL [endpoint]`: called on the ingest thread, must not block; the connection waits for the
  /// answer, other connections do not.
  public var spool: @Sendable (_ endpoint: String?, _ answer: @escaping Answer) -> Void
  /// `INFO [section]`: likewise.
  public var info: @Sendable (_ section: String?, _ answer: @escaping Answer) -> Void

  /// Answers both with an empty text.
  public init() {
    spool = { _, answer in answer(.text("")) }
    info = { _, answer in answer(.text("")) }
  }

  /// Takes the two closures.
  public init(
    spool: @escaping @Sendable (_ endpoint: String?, _ answer: @escaping Answer) -> Void,
    info: @escaping @Sendable (_ section: String?, _ answer: @escaping Answer) -> Void
  ) {
    self.spool = spool
    self.info = info
  }
}
