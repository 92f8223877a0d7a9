package import Base

/// Which of a connection's answers may be sent, and what the others wait for.
///
/// Answers are laid into the output buffer in order, at once. A *run* is a stretch of them that
/// waits for the same block; an answer that waits for nothing joins the run before it. So a
/// pipeline of a thousand publishes is one entry, and order needs no sorting.
package struct ReplyLedger: BitwiseCopyable {
  /// A stretch of answers that waits for one block.
  package struct Run: BitwiseCopyable, Equatable {
    /// The block's ordinal.
    package var ordinal: UInt64
    package var bytes: Int
    package var replies: Int
    /// When the first of them was read.
    package var since: Instant
  }
  private static let runsMax = 8

  private var runs: [8 of Run]
  private var head = 0
  private var count = 0
  /// Bytes at the front of the output that may be sent.
  package var sendable = 0
  /// Answers that wait.
  package private(set) var waiting = 0

  package init() {
    runs = .init(
      repeating: Run(ordinal: 0, bytes: 0, replies: 0, since: Instant(nanoseconds: 0)))
  }

  /// Whether nothing waits.
  package var isEmpty: Bool { count == 0 }

  private func place(_ index: Int) -> Int { (head + index) & (Self.runsMax - 1) }

  /// Enters an answer.
  /// - Parameters:
  ///   - bytes: Bytes of it, just laid at the output's end.
  ///   - ordinal: The block it waits for; 0 for none.
  ///   - replies: Commands it answers; 0 for a message that answers none.
  /// - Returns: Whether the connection must be told of that block's commit.
  package mutating func add(
    bytes: Int, waitingFor ordinal: UInt64, replies: Int, now: Instant
  ) -> Bool {
    if count == 0 && ordinal == 0 {
      sendable += bytes
      return false
    }
    waiting += replies
    if count > 0 {
      let last = place(count - 1)
      if ordinal <= runs[last].ordinal || count == Self.runsMax {
        // All places taken: the last run waits a little longer for its place to be shared.
        let isLater = ordinal > runs[last].ordinal
        runs[last].bytes += bytes
        runs[last].replies += replies
        if isLater { runs[last].ordinal = ordinal }
        return isLater
      }
    }
    runs[place(count)] = Run(ordinal: ordinal, bytes: bytes, replies: replies, since: now)
    count += 1
    return true
  }

  /// Releases the oldest run if its block is committed.
  /// - Returns: `nil` when there is none, or it still waits.
  package mutating func release(through ordinal: UInt64) -> Run? {
    guard count > 0, runs[head].ordinal <= ordinal else { return nil }
    let run = runs[head]
    head = (head + 1) & (Self.runsMax - 1)
    count -= 1
    sendable += run.bytes
    waiting -= run.replies
    return run
  }
}
