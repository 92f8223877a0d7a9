package import Base
package import Delivery
package import Flow

/// Decides when deliveries of one replay are handed to their lane, and how many: pure.
///
/// The lane says how many it took; when it had no room, the rest waits a little, longer each time.
package struct ReplayFeed {
  /// What to do now.
  package enum Step: Equatable {
    case handOver([Position])
    case wait(until: Instant)
    /// Everything offered was handed over.
    case hungry
  }

  /// Deliveries handed over at once.
  package static let batchMax = 64
  private static let pauseMilliseconds: ClosedRange<UInt64> = 5...200

  private let ratePerSecond: Double?
  private var allowance: Double
  private var allowedAt: Instant
  private var queue: ArraySlice<Position> = []
  private var pause = Self.pauseMilliseconds.lowerBound
  private var retryAt = Instant(nanoseconds: 0)
  /// Deliveries that the lane took.
  package private(set) var handedOver = 0
  /// Deliveries that were pending anyway.
  package private(set) var pending = 0

  /// - Parameter ratePerSecond: deliveries a second; `nil` is no limit.
  package init(ratePerSecond: Double?, now: Instant) {
    self.ratePerSecond = ratePerSecond
    allowance = 1
    allowedAt = now
  }

  /// Whether the lane had no room the last time.
  package var isWaiting: Bool { pause > Self.pauseMilliseconds.lowerBound }

  /// Deliveries that wait to be handed over.
  package var queued: Int { queue.count }

  /// Adds deliveries to hand over.
  package mutating func offer(_ positions: [Position]) { queue += positions }

  /// What to do at `now`.
  package mutating func next(now: Instant) -> Step {
    if queue.isEmpty { return .hungry }
    if now < retryAt { return .wait(until: retryAt) }
    let allowed = refill(now)
    if allowed == 0 { return .wait(until: nextAllowance(now)) }
    return .handOver(Array(queue.prefix(min(Self.batchMax, allowed))))
  }

  /// What the lane did with a batch of `count`.
  package mutating func took(_ result: Redelivery, of count: Int, now: Instant) {
    queue = queue.dropFirst(count - result.left)
    handedOver += result.taken
    pending += result.pending
    if ratePerSecond != nil { allowance -= Double(result.taken) }
    if result.left == 0 || result.taken > 0 { pause = Self.pauseMilliseconds.lowerBound }
    if result.left == 0 { return }
    retryAt = now + .milliseconds(pause)
    pause = min(pause * 2, Self.pauseMilliseconds.upperBound)
  }

  /// Deliveries that the rate allows now; a tenth of a second's worth may come at once.
  private mutating func refill(_ now: Instant) -> Int {
    guard let ratePerSecond else { return Self.batchMax }
    let most = max(1, ratePerSecond / 10)
    allowance = min(most, allowance + now.since(allowedAt).seconds * ratePerSecond)
    allowedAt = now
    return Int(max(0, allowance))
  }

  private func nextAllowance(_ now: Instant) -> Instant {
    guard let ratePerSecond else { return now }
    let seconds = max(0, 1 - allowance) / ratePerSecond
    return now + Nanoseconds(UInt64(seconds * 1e9) + 1_000_000)
  }
}
