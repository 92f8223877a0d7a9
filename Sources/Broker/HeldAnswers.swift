package import Catalog
package import Flow

/// Answers of failed attempts that wait for their outcomes: pure, and bounded in bytes.
///
/// They wait for as long as the journal takes to write an outcome. One whose outcome never comes,
/// because it found no room on the way, goes after some rounds.
package struct HeldAnswers {
  /// What is held beyond this waits in the reactors' rings.
  package static let bytesMax = 8 << 20
  /// A round is a write to the store, at most four a second.
  private static let roundsMax = 40

  /// Which attempt.
  package struct Key: Hashable {
    var endpoint: UInt32
    var position: UInt64
    var attempt: UInt16

    /// The attempt that an outcome, or an answer, speaks of.
    package init(_ endpoint: EndpointNumber, _ position: Position, _ attempt: UInt16) {
      self.endpoint = endpoint.value
      self.position = position.packed
      self.attempt = attempt
    }
  }
  private struct Held {
    var detail: AttemptDetail
    var round: Int
  }

  private var held: [Key: Held] = [:]
  private var bytes = 0
  private var round = 0

  /// Nothing is held.
  package init() {}

  /// Whether there is room for more.
  package var hasRoom: Bool { bytes < Self.bytesMax }

  /// Holds what became known of an attempt, until it is taken.
  package mutating func hold(_ detail: AttemptDetail, of key: Key) {
    if let before = held.updateValue(Held(detail: detail, round: round), forKey: key) {
      bytes -= before.detail.bytes
    }
    bytes += detail.bytes
  }

  /// Gives up what is held of an attempt.
  package mutating func take(_ key: Key) -> AttemptDetail? {
    guard let found = held.removeValue(forKey: key) else { return nil }
    bytes -= found.detail.bytes
    return found.detail
  }

  /// Forgets what nobody came for.
  package mutating func endRound() {
    round += 1
    guard round % Self.roundsMax == 0, !held.isEmpty else { return }
    for (key, entry) in held where round - entry.round > Self.roundsMax { _ = take(key) }
  }
}
