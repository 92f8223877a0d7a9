internal import Base

/// What happened, as a running hash: two runs of one seed must end with the same.
public final class Trace: @unchecked Sendable {
  /// The hash of everything so far.
  public private(set) var hash: UInt64 = 0
  /// How many things happened.
  public private(set) var count = 0
  /// Where a line for each goes; `nil` for nowhere.
  public var log: ((String) -> Void)?

  /// An empty trace.
  public init() {}

  /// Adds a happening with numbers that describe it.
  public func note(_ kind: StaticString, _ values: UInt64...) {
    count += 1
    var words = values
    words.append(UInt64(kind.utf8CodeUnitCount) << 32 ^ UInt64(unsafe kind.utf8Start.pointee))
    words.append(hash)
    hash = unsafe words.withUnsafeBytes { unsafe Hash64.of($0) }
    if let log { log("\(kind) \(values.map(String.init).joined(separator: " "))") }
  }

  /// Adds a happening with bytes.
  public func note(_ kind: StaticString, bytes: UnsafeRawBufferPointer, _ value: UInt64 = 0) {
    unsafe note(kind, value, UInt64(bytes.count), Hash64.of(bytes))
  }
}
