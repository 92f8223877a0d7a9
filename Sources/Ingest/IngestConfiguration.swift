public import Base
internal import Flow

/// Limits and settings of ingest; the defaults are the contract's.
public struct IngestConfiguration: Sendable {
  /// Connections open at once.
  public var connectionsMax = 10_000
  /// Replies of one connection that may wait for their commit; then it is not read.
  public var repliesMax = 4096
  /// Unsent answer bytes of one connection; above it, it is not read, and a tail drops messages.
  public var outputBytesMax = 2 << 20
  /// Bytes that the buffers of all connections may take together; beyond it, the connection whose
  /// buffers grew is closed, unless they are small.
  public var buffersBytesMax = 256 << 20
  /// Bytes of data of one event.
  public var dataBytesMax = BlockLimits.dataBytesMax
  /// Bytes of one whole command.
  public var commandBytesMax = BlockLimits.dataBytesMax + 64 * 1024
  /// The longest batch as it came, bytes: its events and 64 bytes of protocol around each.
  public var batchBytesMax = BlockLimits.largePayloadBytes + 64 * BlockLimits.largeEvents
  /// How long a command may take to arrive once its first byte is there.
  public var frameTimeout = Nanoseconds.seconds(30)
  /// Commits at most one in this time when quiet blocks follow each other.
  public var sealInterval = Nanoseconds.microseconds(200)
  /// Publisher-given ids that are remembered.
  public var rememberedMax = 1_000_000
  /// For how long, milliseconds.
  public var rememberedMilliseconds: UInt64 = 12 * 3_600_000
  /// Connections that may tail at once.
  public var tailsMax = 256
  /// Patterns of one tail.
  public var tailPatternsMax = 64
  /// Publishes by API that may wait at once.
  public var requestsMax = 8192
  /// Only publishing: no tail, no `SPOOL`, no `INFO`.
  public var publishOnly = false
  /// The version that `HELLO` tells.
  public var version = "0"

  /// The defaults.
  public init() {}
}
