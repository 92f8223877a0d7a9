public import Base
public import Flow

/// Events that must stay readable though nobody waits for them: of dead letters, which may be sent
/// again. The log and its spool hold them as long as this names them.
///
/// > Runs on: the keeper's thread, which may wait meanwhile.
public protocol KeptEvents: Sendable {
  /// Whether it knows of everything that died, durably, before `instant`.
  func isComplete(before instant: Instant) -> Bool

  /// The events that are kept in the blocks `first` to `last`, ascending, without repeats.
  /// - Parameter since: what went at this time or later counts too: a checkpoint of this time does
  ///   not know yet that it is pending again.
  /// - Returns: `nil` when that can't be told now: everything has to stay.
  func positions(first: UInt64, last: UInt64, since: UnixMilliseconds) -> [Position]?

  /// Whether there are any; `true` when that can't be told now.
  func hasAny(first: UInt64, last: UInt64, since: UnixMilliseconds) -> Bool
}
