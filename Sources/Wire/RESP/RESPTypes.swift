public import Base

/// Where one argument of a command lies, relative to the bytes that were parsed.
public struct RESPArgument: BitwiseCopyable, Sendable, Equatable {
  /// Bytes before it.
  public var offset: Int32
  /// Bytes in it; may be 0.
  public var length: Int32

  /// Names `length` bytes at `offset`.
  public init(offset: Int32, length: Int32) {
    self.offset = offset
    self.length = length
  }

  /// Its bytes, out of the buffer that was parsed.
  ///
  /// - Precondition: `bytes` begins where the bytes given to ``RESPParser/parse(_:)`` began.
  @inlinable
  public func bytes(in bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    let start = Int(offset)
    return unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<start + Int(length)])
  }
}

/// What the bytes at the start of a publisher's buffer turned out to be.
public enum RESPResult: BitwiseCopyable, Sendable, Equatable {
  /// No whole command yet: keep all bytes and come again with more.
  case incomplete
  /// A command; drop `consumed` bytes once it is done with.
  case command(consumed: Int, argumentCount: Int)
  /// Bytes without a command: an empty frame or line, or part of one that was refused before.
  /// Drop `consumed` bytes and parse on; nothing is answered.
  case discarded(consumed: Int)
  /// To be answered with the error. Drop `consumed` bytes and parse on, unless the error
  /// ``RESPError/isFatal``: then close the connection after the answer.
  case failure(RESPError, consumed: Int)
}

/// Why a frame was refused.
public enum RESPError: Error, BitwiseCopyable, Sendable, Equatable {
  /// An argument is longer than this many bytes; it is skipped and the connection goes on.
  case tooLarge(limit: Int)
  /// More arguments than ``RESPParser/argumentsMax``; they are skipped.
  case tooManyArguments
  /// The whole command is longer than this many bytes; it is skipped.
  case commandTooLarge(limit: Int)
  /// A backslash within a quoted argument of an inline command.
  case inlineEscape
  /// A quote that nothing closes, or that text follows, in an inline command.
  case unbalancedQuotes
  /// An inline command longer than 64 KiB.
  case inlineTooLong
  /// A frame that no client sends begins with this byte.
  case unexpectedType(UInt8)
  /// The number of arguments is no number, or absurd.
  case invalidCount
  /// An argument does not begin with `$`, but with this byte.
  case expectedBulk(UInt8)
  /// The length of an argument is no number, is negative, or absurd.
  case invalidLength
  /// CRLF is missing after a number or an argument.
  case expectedLineEnd

  /// Whether what follows cannot be made sense of: answer, then close.
  public var isFatal: Bool {
    switch self {
    case .tooLarge, .tooManyArguments, .commandTooLarge, .inlineEscape: false
    default: true
    }
  }

  /// Appends the error as a publisher reads it: code, space, text.
  ///
  /// > Source: the texts that Redis has for the same fault, so that clients know them.
  public func write(to buffer: inout ByteBuffer) {
    buffer.append("-")
    switch self {
    case .tooLarge(let limit):
      appendLimit("TOOLARGE argument is longer than ", limit, to: &buffer)
    case .commandTooLarge(let limit):
      appendLimit("TOOLARGE command is longer than ", limit, to: &buffer)
    case .unexpectedType(let byte):
      appendByte("ERR Protocol error: expected '*', got byte ", byte, to: &buffer)
    case .expectedBulk(let byte):
      appendByte("ERR Protocol error: expected '$', got byte ", byte, to: &buffer)
    default: buffer.append(fixedText)
    }
    buffer.append("\r\n")
  }

  private var fixedText: StaticString {
    switch self {
    case .tooManyArguments: "ERR too many arguments"
    case .inlineEscape:
      "ERR escapes in an inline command are not supported; send an array of bulk strings"
    case .unbalancedQuotes: "ERR Protocol error: unbalanced quotes in request"
    case .inlineTooLong: "ERR Protocol error: too big inline request"
    case .invalidCount: "ERR Protocol error: invalid multibulk length"
    case .invalidLength: "ERR Protocol error: invalid bulk length"
    case .expectedLineEnd: "ERR Protocol error: expected CRLF"
    case .tooLarge, .commandTooLarge, .unexpectedType, .expectedBulk: "ERR"
    }
  }

  private func appendLimit(_ text: StaticString, _ limit: Int, to buffer: inout ByteBuffer) {
    buffer.append(text)
    buffer.append(decimal: UInt64(limit))
    buffer.append(" bytes")
  }

  /// The byte as a number: it may be a control character, which no answer may carry.
  private func appendByte(_ text: StaticString, _ byte: UInt8, to buffer: inout ByteBuffer) {
    buffer.append(text)
    buffer.append(decimal: UInt64(byte))
  }
}
