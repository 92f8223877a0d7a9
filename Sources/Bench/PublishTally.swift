package import Base
internal import Synchronization

/// What one phase of publishing came to. Written by the publisher's thread, read by any.
package final class PublishTally: Sendable {
  /// Events given to the broker.
  package let sent = Counter()
  /// Events that it acknowledged.
  package let acknowledged = Counter()
  /// Endpoints that it accepted them for, in all: deliveries that must arrive.
  package let deliveries = Counter()
  /// Events that it refused.
  package let refused = Counter()
  /// Begin of the phase, and the last acknowledgement: nanoseconds of the monotonic clock.
  package let startTime = Counter()
  package let lastTime = Counter()
  /// From when an event was to be sent to its acknowledgement.
  package let acknowledgement = LatencyHistogram.make()
  /// Open loop only: how late the publisher itself was.
  package let slip = LatencyHistogram.make()

  private struct Rest {
    var refusal: String?
    var failure: String?
    /// Events that were refused, or not answered when the phase ended.
    var unacknowledged: [UInt64] = []
    var isOver = false
  }
  private let rest = Mutex(Rest())

  package init() {}

  /// The broker's words for the first event that it refused.
  package var refusal: String? { rest.withLock { $0.refusal } }
  /// Why publishing ended before its time.
  package var failure: String? { rest.withLock { $0.failure } }
  /// Events that were refused or not answered.
  package var unacknowledged: [UInt64] { rest.withLock { $0.unacknowledged } }
  /// Whether the phase has ended.
  package var isOver: Bool { rest.withLock { $0.isOver } }

  func refuse(_ number: UInt64, _ text: String) {
    refused.add()
    rest.withLock {
      if $0.refusal == nil { $0.refusal = text }
      $0.unacknowledged.append(number)
    }
  }

  func end(failure: String?, unanswered: [UInt64]) {
    rest.withLock {
      $0.failure = failure
      $0.unacknowledged += unanswered
      $0.isOver = true
    }
  }
}
