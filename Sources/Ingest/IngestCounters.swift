public import Base

/// What ingest counts. Written by the ingest thread, read by any.
public final class IngestCounters: Sendable {
  /// Events taken into the log.
  public let accepted = Counter()
  /// Publishes acknowledged again under a remembered id.
  public let duplicates = Counter()
  /// Commands refused with `ERR`.
  public let errorsInvalid = Counter()
  /// Publishes refused with `TOOLARGE`.
  public let errorsTooLarge = Counter()
  /// Publishes refused with `CONFLICT`.
  public let errorsConflict = Counter()
  /// Publishes refused with `SPOOLFULL`.
  public let errorsSpoolFull = Counter()
  /// Commands refused with `NOPERM`.
  public let errorsNoPermission = Counter()
  /// Connections open now.
  public let connections = Counter()
  /// Connections ever accepted.
  public let connectionsAccepted = Counter()
  /// Connections refused, or closed idle for a new one, at the limit.
  public let connectionsRefused = Counter()
  /// Connections closed because a command did not arrive whole in time.
  public let frameTimeouts = Counter()
  /// Connections closed because the buffers of all together were too large.
  public let buffersExhausted = Counter()
  /// Bytes that the buffers of all connections take.
  public let bufferBytes = Counter()
  /// Bytes read from sockets.
  public let bytesIn = Counter()
  /// Turns in which publishers had to wait for room in memory.
  public let stalls = Counter()
  /// Blocks sealed.
  public let blocks = Counter()
  /// Tail messages given to connections.
  public let tailSent = Counter()
  /// Tail messages dropped because a connection does not read.
  public let tailDropped = Counter()
  /// From reading a publish to its acknowledgement; one entry for each run of pipelined publishes.
  public let acknowledgement = Histogram()
  /// Accepted events by type.
  public let types = TypeCounters()

  /// All zero.
  public init() {}

  /// Errors under a code of the contract.
  public func errors(_ code: ErrorCode) -> Counter {
    switch code {
    case .invalid: errorsInvalid
    case .tooLarge: errorsTooLarge
    case .conflict: errorsConflict
    case .spoolFull: errorsSpoolFull
    case .noPermission: errorsNoPermission
    }
  }
}

/// The first word of an error reply.
public enum ErrorCode: String, Sendable, CaseIterable {
  /// Wrong usage or bad data.
  case invalid = "ERR"
  /// Past a bound.
  case tooLarge = "TOOLARGE"
  /// The id was used for other content.
  case conflict = "CONFLICT"
  /// Nothing was stored; try later.
  case spoolFull = "SPOOLFULL"
  /// Not on this socket.
  case noPermission = "NOPERM"
}
