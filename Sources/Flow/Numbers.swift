/// An endpoint's number in the data plane: given once, never reused.
public struct EndpointNumber: Hashable, Comparable, BitwiseCopyable, Sendable {
  /// The number; 0 names no endpoint.
  public var value: UInt32
  /// Wraps a number.
  @inlinable public init(_ value: UInt32) { self.value = value }
  @inlinable public static func < (a: Self, b: Self) -> Bool { a.value < b.value }
}

/// An application's (tenant's) number in the data plane; `default` is 1.
public struct ApplicationNumber: Hashable, Comparable, BitwiseCopyable, Sendable {
  /// The number; 0 names no application.
  public var value: UInt32
  /// Wraps a number.
  @inlinable public init(_ value: UInt32) { self.value = value }
  @inlinable public static func < (a: Self, b: Self) -> Bool { a.value < b.value }
}

/// An interned audience: the set of endpoints that an event was accepted for.
public struct AudienceNumber: Hashable, Comparable, BitwiseCopyable, Sendable {
  /// The number; 0 is the empty audience.
  public var value: UInt32
  /// Wraps a number.
  @inlinable public init(_ value: UInt32) { self.value = value }
  /// Nobody.
  @inlinable public static var empty: AudienceNumber { AudienceNumber(0) }
  @inlinable public static func < (a: Self, b: Self) -> Bool { a.value < b.value }
}

/// An event's place in the log: block sequence and index in the block. Logical, so it survives the
/// event's move into the spool. Order of positions is order of acceptance.
public struct Position: Hashable, Comparable, BitwiseCopyable, Sendable {
  /// Sequence in the upper 48 bits, index in the lower 16.
  public var packed: UInt64
  /// Takes a packed position back.
  @inlinable public init(packed: UInt64) { self.packed = packed }
  /// The `index`-th event of the block `sequence`.
  @inlinable public init(sequence: UInt64, index: Int) {
    packed = sequence << 16 | UInt64(truncatingIfNeeded: index & 0xFFFF)
  }
  /// The block's sequence number, from 1.
  @inlinable public var sequence: UInt64 { packed >> 16 }
  /// The event's index in its block, from 0.
  @inlinable public var index: Int { Int(truncatingIfNeeded: packed & 0xFFFF) }
  /// Before every event.
  @inlinable public static var start: Position { Position(packed: 0) }
  @inlinable public static func < (a: Self, b: Self) -> Bool { a.packed < b.packed }
}
