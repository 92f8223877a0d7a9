public import Flow
public import Routing

/// What other threads tell ingest, through its mailbox.
public enum IngestCommand: Sendable {
  /// Route by this from now on; `done` is called on the ingest thread when it holds.
  case route(RoutingSnapshot, done: @Sendable () -> Void)
  /// Publish, as the socket would; `reply` is called on the ingest thread when the event is
  /// committed, or at once when it is refused.
  case publish(PublishRequest, reply: @Sendable (PublishReply) -> Void)
  /// While true, every publish is refused with `SPOOLFULL`.
  case spoolFull(Bool)
  /// An answer of a hook for a parked connection; made by ingest itself.
  case answer(connection: UInt64, HookValue)
  /// The same as ``Ingest/drain()``.
  case quit
}

/// An event from the API: the same checks, block and acknowledgement as from the socket.
public struct PublishRequest: Sendable {
  /// Name of the application.
  public var application: String
  /// The type's bytes.
  public var type: [UInt8]
  /// The data, any bytes.
  public var data: [UInt8]
  /// Publisher-given id; `nil` has one made.
  public var id: [UInt8]?
  /// The system it comes from.
  public var source: [UInt8]?
  /// What it is about.
  public var subject: [UInt8]?
  /// Channels it is on, at most ``PublishLimits/channelsMax``.
  public var channels: [[UInt8]]
  /// An explicit content type.
  public var contentType: [UInt8]?
  /// Unix milliseconds; `nil` = when it is accepted.
  public var time: UInt64?
  /// The control plane may use ids that begin with `msg_`.
  public var mayUseOwnIDs = false
  /// The only one it is for, whatever that one subscribed to; `nil` is everybody who subscribed.
  public var endpoint: EndpointNumber?

  /// Describes an event; `time` is Unix milliseconds.
  public init(
    application: String = "default", type: [UInt8], data: [UInt8], id: [UInt8]? = nil,
    source: [UInt8]? = nil, subject: [UInt8]? = nil, channels: [[UInt8]] = [],
    contentType: [UInt8]? = nil, time: UInt64? = nil
  ) {
    self.application = application
    self.type = type
    self.data = data
    self.id = id
    self.source = source
    self.subject = subject
    self.channels = channels
    self.contentType = contentType
    self.time = time
  }
}

/// How a publish by API ended.
public enum PublishReply: Sendable {
  /// Durable. `position` is `nil` for a duplicate, whose first stands elsewhere.
  case accepted(id: String, endpoints: Int, duplicate: Bool, position: Position?)
  /// Nothing was stored.
  case refused(PublishRefusal, text: String)
}

/// Why a publish was refused; nothing was stored.
public enum PublishRefusal: Equatable, Sendable {
  /// The type's grammar.
  case invalidType
  /// The id's grammar.
  case invalidID
  /// The id begins with `msg_`.
  case reservedID
  /// The source's grammar.
  case invalidSource
  /// The subject's grammar.
  case invalidSubject
  /// A channel's grammar.
  case invalidChannel
  /// More channels than ``PublishLimits/channelsMax``.
  case tooManyChannels
  /// The content type's grammar.
  case invalidContentType
  /// Neither RFC 3339 nor Unix milliseconds.
  case invalidTime
  /// The content type says JSON; the first byte that cannot be there.
  case invalidJSON(offset: Int)
  /// The data is longer than this many bytes.
  case tooLarge(limit: Int)
  /// No application has this name.
  case unknownApplication
  /// The id was used for other content.
  case conflict
  /// The disk bound is reached.
  case spoolFull
  /// The batch does not fit into one block.
  case batchTooLarge
  /// The broker is going down.
  case shuttingDown
  /// Too many publishes wait.
  case busy
  /// The log has no audience number left.
  case audiencesExhausted

  /// The contract's code.
  public var code: ErrorCode {
    switch self {
    case .tooLarge, .batchTooLarge: .tooLarge
    case .conflict: .conflict
    case .spoolFull: .spoolFull
    default: .invalid
    }
  }

  /// For people, without the code.
  public var text: String {
    switch self {
    case .invalidType:
      "invalid event type: letters, digits, '_' and '-', joined by single dots, at most 128 bytes"
    case .invalidID: "invalid ID: 1 to 128 of letters, digits, '_' and '-'"
    case .reservedID: "invalid ID: ids that begin with 'msg_' are given by Fanfare"
    case .invalidSource: "invalid SOURCE: 1 to 512 bytes of UTF-8 without control characters"
    case .invalidSubject: "invalid SUBJECT: 1 to 512 bytes of UTF-8 without control characters"
    case .invalidChannel: "invalid CHANNEL: 1 to 128 of letters, digits, '.', '_', ':' and '-'"
    case .tooManyChannels: "too many channels: at most \(PublishLimits.channelsMax) for an event"
    case .invalidContentType: "invalid CONTENTTYPE: write type/subtype, at most 255 bytes"
    case .invalidTime: "invalid TIME: write RFC 3339, or Unix milliseconds"
    case .invalidJSON(let offset):
      "data is not valid JSON at byte \(offset), but the content type says so"
    case .tooLarge(let limit): "data is longer than \(limit) bytes"
    case .unknownApplication: "unknown application"
    case .conflict: "this id was published before with other content"
    case .spoolFull: "the spool is full; nothing was stored, try later"
    case .batchTooLarge:
      "a batch is at most \(BlockLimits.largeEvents) events and "
        + "\(BlockLimits.largePayloadBytes) bytes; nothing was stored"
    case .shuttingDown: "shutting down"
    case .busy: "too many publishes wait; try later"
    case .audiencesExhausted: "no audience number left; compact the journal"
    }
  }
}

/// Bounds of one publish that are not the grammar's.
public enum PublishLimits {
  /// Channels of one event.
  public static let channelsMax = 16
}
