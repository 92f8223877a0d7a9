public import Base

/// Why a retry schedule was refused.
public enum RetryScheduleError: Error, Equatable, Sendable {
  /// There is no wait in it.
  case empty
  /// This part is no duration, factor or known key.
  case invalidPart(String)
  /// A wait of less than ``RetrySchedule/delayMillisecondsMin`` or more than
  /// ``RetrySchedule/delayMillisecondsMax``.
  case outOfRange(String)
  /// More than ``RetrySchedule/delaysMax`` waits.
  case tooMany
  /// The exponential form lacks this part.
  case missing(String)

  /// For people.
  public var text: String {
    switch self {
    case .empty: "a retry schedule needs at least one delay, for example 5s,5m,30m"
    case .invalidPart(let part): "'\(part)' is not a delay such as 5s, 30m or 2h"
    case .outOfRange(let part): "'\(part)' is out of range: delays are from 100ms to 30d"
    case .tooMany: "a retry schedule has at most \(RetrySchedule.delaysMax) delays"
    case .missing(let part): "the exponential form needs \(part), as in exp:5s,x4,max=10h,for=3d"
    }
  }
}

/// The waits between the attempts of a delivery.
///
/// Two forms are read: a list, `5s,5m,30m`, and `exp:5s,x4,max=10h,for=3d`, which begins with 5 s
/// and multiplies by 4, no wait above 10 h, until the waits add up to 3 d (the last one is
/// shortened so that they do so exactly).
public struct RetrySchedule: Sendable, Equatable {
  /// Shortest wait.
  public static let delayMillisecondsMin: UInt64 = 100
  /// Longest wait: 30 days.
  public static let delayMillisecondsMax: UInt64 = 2_592_000_000
  /// Most waits.
  public static let delaysMax = 256

  /// The wait after the first failed attempt, after the second, and so on; milliseconds.
  public let delays: [UInt64]
  /// The text it was read from.
  public let text: String

  /// 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h.
  public static let standard = RetrySchedule(
    delays: [5000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 36_000_000],
    text: "5s,5m,30m,2h,5h,10h,10h")

  private init(delays: [UInt64], text: String) {
    self.delays = delays
    self.text = text
  }

  /// Reads a schedule.
  ///
  /// - Throws: The first thing wrong with it, to be shown to whoever wrote it.
  public init(parsing text: String) throws(RetryScheduleError) {
    let prefix = "exp:"
    if text.hasPrefix(prefix) {
      delays = try Self.exponential(text.dropFirst(prefix.count))
    } else {
      delays = try Self.list(text)
    }
    self.text = text
  }

  /// The wait before the next attempt, ±20 % at random so that failures spread.
  ///
  /// - Parameters:
  ///   - attempt: Attempts made so far, from 1.
  ///   - random: Where the spread comes from.
  /// - Returns: Milliseconds; nil when the schedule is used up and the delivery dead.
  public func delay(attempt: Int, random: inout SeededRandom) -> UInt64? {
    guard attempt >= 1, attempt <= delays.count else { return nil }
    return Self.jittered(delays[attempt - 1], random: &random)
  }

  /// `milliseconds` ±20 %, evenly spread.
  public static func jittered(_ milliseconds: UInt64, random: inout SeededRandom) -> UInt64 {
    let fifth = milliseconds / 5
    return milliseconds - fifth + random.below(2 * fifth + 1)
  }

  // MARK: Reading

  private static func list(_ text: String) throws(RetryScheduleError) -> [UInt64] {
    var delays: [UInt64] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let part = trimmed(part)
      if part.isEmpty { throw delays.isEmpty ? .empty : .invalidPart(part) }
      if delays.count == delaysMax { throw .tooMany }
      delays.append(try delay(part, part))
    }
    return delays
  }

  private static func exponential(_ text: Substring) throws(RetryScheduleError) -> [UInt64] {
    var first: UInt64?
    var factor: Double?
    var longest = delayMillisecondsMax
    var total: UInt64?
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let part = trimmed(part)
      if part.hasPrefix("max=") {
        longest = try delay(String(part.dropFirst(4)), part)
      } else if part.hasPrefix("for=") {
        guard let value = Quantity.duration(String(part.dropFirst(4))) else {
          throw .invalidPart(part)
        }
        total = value
      } else if part.hasPrefix("x") {
        factor = try Self.factor(part)
      } else if first == nil {
        first = try delay(part, part)
      } else {
        throw .invalidPart(part)
      }
    }
    guard let first else { throw .missing("a first delay") }
    guard let factor else { throw .missing("a factor") }
    guard let total, total > 0 else { throw .missing("for=") }
    return try series(first, factor, longest, total)
  }

  private static func series(
    _ first: UInt64, _ factor: Double, _ longest: UInt64, _ total: UInt64
  ) throws(RetryScheduleError) -> [UInt64] {
    var delays: [UInt64] = []
    var sum: UInt64 = 0
    var next = Double(first)
    while sum < total {
      if delays.count == delaysMax { throw .tooMany }
      let delay = min(UInt64(min(next, Double(longest))), total - sum)
      delays.append(delay)
      sum += delay
      next *= factor
    }
    return delays
  }

  private static func delay(_ text: String, _ part: String) throws(RetryScheduleError) -> UInt64 {
    guard let value = Quantity.duration(text) else { throw .invalidPart(part) }
    guard value >= delayMillisecondsMin, value <= delayMillisecondsMax else {
      throw .outOfRange(part)
    }
    return value
  }

  /// `x4` or `x1.5`, from 1 to 100.
  private static func factor(_ part: String) throws(RetryScheduleError) -> Double {
    let digits = part.dropFirst()
    let isPlain = digits.utf8.allSatisfy { ASCII.isDigit($0) || $0 == ASCII.dot }
    guard isPlain, let value = Double(digits), value >= 1, value <= 100 else {
      throw .invalidPart(part)
    }
    return value
  }

  private static func trimmed(_ part: Substring) -> String {
    var part = part
    while part.first == " " { part.removeFirst() }
    while part.last == " " { part.removeLast() }
    return String(part)
  }
}
