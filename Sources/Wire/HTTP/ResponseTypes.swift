/// How much of an answer is read, kept and tolerated.
public struct ResponseLimits: BitwiseCopyable, Sendable {
  /// Status lines and headers together, interim answers included, in bytes.
  public var headerBytesMax: Int
  /// Body on the wire, chunk framing and trailers included, in bytes; then the rest is cut off.
  public var bodyBytesMax: Int
  /// Body handed to the caller, in bytes.
  public var keptBytesMax: Int
  /// Header lines of an answer with a status of 300 and above that are handed over before its body, in
  /// bytes; the rest is left out.
  public var headKeptBytesMax: Int
  /// 1xx answers before the real one.
  public var interimMax: Int

  /// The limits of an attempt, unless others are named.
  public init(
    headerBytesMax: Int = 65_536, bodyBytesMax: Int = 1_048_576, keptBytesMax: Int = 16_384,
    headKeptBytesMax: Int = 0, interimMax: Int = 16
  ) {
    self.headerBytesMax = headerBytesMax
    self.bodyBytesMax = bodyBytesMax
    self.keptBytesMax = keptBytesMax
    self.headKeptBytesMax = headKeptBytesMax
    self.interimMax = interimMax
  }
}

/// Why an answer cannot be used.
///
/// Only after ``truncatedBody`` does the status still count.
public enum ResponseError: UInt8, Error, BitwiseCopyable, Sendable {
  /// The connection was closed before the first byte: a reused one was probably stale.
  case closedBeforeResponse
  /// It was closed within status line or headers.
  case closedInHeaders
  /// Headers are complete, the body is not.
  case truncatedBody
  /// The first line is no HTTP/1 status line.
  case invalidStatusLine
  /// A header line without a proper name and colon, or a folded framing header.
  case invalidHeader
  /// Status line and headers are longer than ``ResponseLimits/headerBytesMax``.
  case headersTooLarge
  /// More than ``ResponseLimits/interimMax`` answers with a 1xx status.
  case tooManyInterimResponses
  /// 101, though nobody asked for another protocol.
  case unexpectedUpgrade
  /// A length that is no number, or two that differ.
  case invalidContentLength
  /// A transfer coding after `chunked`, or none where one must be.
  case invalidTransferEncoding
  /// A chunk without a proper size, or without CRLF at its end.
  case invalidChunk
}

/// What is known after some bytes.
public enum ResponseProgress: BitwiseCopyable, Sendable, Equatable {
  /// All bytes were used; more are needed.
  case needMore
  /// The answer is complete; `consumed` of the bytes belonged to it.
  case complete(consumed: Int)
  /// The answer cannot be used; drop the connection.
  case failed(ResponseError)
}

/// What a `Retry-After` header asked for.
public enum RetryAfter: BitwiseCopyable, Sendable, Equatable {
  /// No header, or one that makes no sense.
  case none
  /// So many seconds from now.
  case seconds(UInt64)
  /// At this time, in Unix seconds; may be past.
  case date(UInt64)
}
