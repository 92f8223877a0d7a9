package import Base

/// Answers by the key under which their requests came.
///
/// A second request with a key whose first one is still worked on waits for that one's answer.
package actor KeptAnswers {
  /// What to do with a request.
  package enum Step: Sendable, Equatable {
    /// Do it, and say how it ended.
    case first
    /// It was done: this was the answer.
    case kept(KeptAnswer)
    /// Another request came under this key.
    case conflict
  }

  /// How long an answer is kept.
  package static let ageMillisecondsMax: UInt64 = 12 * 3_600_000
  /// Answers kept; the oldest go first.
  package static let countMax = 10_000
  /// Bytes of their bodies.
  package static let bytesMax = 16 << 20

  private struct Entry {
    var content: [UInt8]
    var time: UInt64
    /// Nil while it is worked on.
    var answer: KeptAnswer?
    var waiters: [CheckedContinuation<Void, Never>] = []
  }

  private var entries: [String: Entry] = [:]
  /// Keys in the order of their answers, with the time of each.
  private var order: [(name: String, time: UInt64)] = []
  private var first = 0
  private var bytes = 0

  /// None is kept yet.
  package init() {}

  /// Says what to do with a request, when that is known.
  ///
  /// - Parameters:
  ///   - name: the key, and whose it is.
  ///   - content: a digest of the request.
  package func begin(_ name: String, content: [UInt8], now: UnixMilliseconds) async -> Step {
    while true {
      expire(now.value)
      guard let entry = entries[name] else {
        entries[name] = Entry(content: content, time: now.value)
        return .first
      }
      if entry.content != content { return .conflict }
      if let answer = entry.answer { return .kept(answer) }
      await withCheckedContinuation { entries[name]?.waiters.append($0) }
    }
  }

  /// Ends what ``begin(_:content:now:)`` called the first.
  ///
  /// - Parameter answer: nil forgets it, and the next one is the first again.
  package func end(_ name: String, _ answer: KeptAnswer?, now: UnixMilliseconds) {
    guard var entry = entries[name] else { return }
    let waiters = entry.waiters
    if let answer {
      entry.answer = answer
      entry.time = now.value
      entry.waiters = []
      entries[name] = entry
      order.append((name, now.value))
      bytes += answer.body.count
    } else {
      entries[name] = nil
    }
    for waiter in waiters { waiter.resume() }
    expire(now.value)
  }

  private func expire(_ now: UInt64) {
    while first < order.count {
      let (name, time) = order[first]
      let isOld = now > time + Self.ageMillisecondsMax
      guard isOld || order.count - first > Self.countMax || bytes > Self.bytesMax else { break }
      bytes -= entries[name]?.answer?.body.count ?? 0
      entries[name] = nil
      first += 1
    }
    if first > 1_024, first * 2 > order.count {
      order.removeFirst(first)
      first = 0
    }
  }
}
