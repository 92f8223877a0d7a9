public import Base
public import Flow

/// What came of an attempt.
public enum AttemptResult: Int, Sendable {
  /// Answered 2xx: the delivery is done.
  case success = 0
  /// Failed; there will be another one.
  case retried = 1
  /// Failed for the last time.
  case dead = 2
}

/// What is known of a failed attempt beyond its result.
public enum AttemptDetail: Sendable, Equatable {
  /// Why there was no answer; for people.
  case reason(String)
  /// How the answer began: header lines as they came, with their line ends, and the body.
  case answer(head: [UInt8], body: [UInt8])

  /// What it takes to keep it.
  public var bytes: Int {
    switch self {
    case .reason(let text): text.utf8.count + 32
    case .answer(let head, let body): head.count + body.count + 32
    }
  }
}

/// One attempt, as it is kept.
public struct AttemptEntry: Sendable, Equatable {
  /// The endpoint's number.
  public var endpoint: UInt32
  /// Where the event lies in the log.
  public var position: Position
  /// Which attempt of its delivery, from 1; 0 for a probe of an unused delivery.
  public var attempt: Int
  /// When it ended.
  public var time: UnixMilliseconds
  /// From its start, connect included.
  public var durationMicroseconds: UInt32
  /// HTTP status, 0 without an answer.
  public var status: Int
  /// What came of it.
  public var result: AttemptResult
  /// What kind of failure.
  public var failure: FailureClass
  /// When the next one is due; `nil` when there is none.
  public var nextAttempt: UnixMilliseconds?
  /// Whether somebody asked for the delivery once more.
  public var isManual: Bool
  /// How a failing answer began, or why there was none; `nil` when that is not kept. Of what is read
  /// back, answers are fetched by ``AttemptStore/answers(of:)``.
  public var detail: AttemptDetail?
  /// Its key, higher for later ones; 0 until it is stored.
  public var number: Int64 = 0

  /// An attempt to keep; see the properties.
  public init(
    endpoint: UInt32, position: Position, attempt: Int, time: UnixMilliseconds,
    durationMicroseconds: UInt32, status: Int, result: AttemptResult, failure: FailureClass,
    nextAttempt: UnixMilliseconds? = nil, isManual: Bool = false, detail: AttemptDetail? = nil
  ) {
    self.endpoint = endpoint
    self.position = position
    self.attempt = attempt
    self.time = time
    self.durationMicroseconds = durationMicroseconds
    self.status = status
    self.result = result
    self.failure = failure
    self.nextAttempt = nextAttempt
    self.isManual = isManual
    self.detail = detail
  }
}

/// Keys of attempts: the time in milliseconds and a running number, so that their order is that of
/// time, a stretch of time is a range of keys, and none is given twice.
public enum AttemptNumber {
  static let serialBits = 20
  static let serialMask: UInt64 = 1 << 20 - 1

  /// The key for an attempt that ended at `time`.
  static func make(_ time: UnixMilliseconds, serial: UInt64) -> Int64 {
    Int64(bitPattern: time.value << UInt64(serialBits) | serial & serialMask)
  }

  /// When the attempt ended.
  public static func time(_ number: Int64) -> UnixMilliseconds {
    UnixMilliseconds(UInt64(bitPattern: number) >> UInt64(serialBits))
  }

  /// The first key of a millisecond; the highest there is for times that no key can hold.
  static func first(_ time: UnixMilliseconds) -> Int64 {
    time.value >= 1 << 43 ? .max : make(time, serial: 0)
  }
}

/// Which attempts are wanted.
public struct AttemptFilter: Sendable, Equatable {
  /// Whether they succeeded; `nil` is all.
  public var success: Bool?
  /// The status class: 0 without an answer, 100 to 500; `nil` is all.
  public var statusClass: Int?
  /// The endpoint's number; `nil` is all.
  public var endpoint: UInt32?
  /// Ended at this time or later.
  public var since: UnixMilliseconds?
  /// Ended before this time.
  public var before: UnixMilliseconds?

  /// All.
  public init() {}
}

/// Attempts and deliveries of an endpoint in an hour, sampled or not.
public struct AttemptTally: Sendable, Equatable {
  /// Deliveries that were made.
  public var delivered: UInt64
  /// Attempts that failed and were not the last.
  public var retried: UInt64
  /// Deliveries that were given up.
  public var dead: UInt64

  /// Nothing yet.
  public init(delivered: UInt64 = 0, retried: UInt64 = 0, dead: UInt64 = 0) {
    self.delivered = delivered
    self.retried = retried
    self.dead = dead
  }
}

/// An endpoint's hour.
public struct TallyKey: Hashable, Sendable {
  /// The endpoint's number.
  public var endpoint: UInt32
  /// Hours since 1970.
  public var hour: UInt32

  /// The hour of a time.
  public init(endpoint: UInt32, time: UnixMilliseconds) {
    self.endpoint = endpoint
    hour = UInt32(clamping: time.value / 3_600_000)
  }
}
