public import Base
public import Flow

/// What is known of a failed attempt beyond its outcome.
public struct FailedAnswer: BitwiseCopyable, Sendable {
  /// Which event.
  public var position: Position
  /// To whom.
  public var endpoint: EndpointNumber
  /// errno of a failed connect, read or write; 0 otherwise.
  public var systemCode: Int32
  /// Bytes of header lines that come before the body.
  public var headBytes: UInt32
  /// As its outcome says.
  public var attempt: UInt16
  /// What kind of failure. Of `status` there is an answer; else the bytes are the reason as text.
  public var failure: FailureClass
}

/// Where a reactor leaves what failing endpoints answered, for whoever keeps a history of attempts: a
/// ring that is never waited for. An answer stands in it before the outcome of its attempt is pushed.
///
/// > Runs on: `note` on the reactor's thread; `take` on the reader's.
public final class AnswerTap: Sendable {
  private let ring: RecordRing
  /// Answers that found no room.
  public let leftOut = Counter()

  /// - Parameter capacity: bytes, a power of two.
  public init(capacity: Int = 4 << 20) { ring = RecordRing(capacity: capacity) }

  /// - Parameter text: header lines and body, or the reason.
  /// - Complexity: O(bytes); no allocation, no waiting.
  func note(_ answer: FailedAnswer, _ text: UnsafeRawBufferPointer) {
    let hasRoom = unsafe withUnsafeBytes(of: answer) {
      unsafe ring.push($0, text)
    }
    if !hasRoom { leftOut.add() }
  }

  /// Takes the oldest answer; its bytes are lent for the length of `body`.
  /// - Returns: `nil` when there is none.
  public func take<R>(
    _ body: (_ answer: FailedAnswer, _ text: UnsafeRawBufferPointer) -> R
  ) -> R? {
    unsafe ring.pop { record in
      let length = MemoryLayout<FailedAnswer>.size
      let answer = unsafe record.loadUnaligned(as: FailedAnswer.self)
      return unsafe body(answer, UnsafeRawBufferPointer(rebasing: record[length...]))
    }
  }
}
