internal import Base
internal import Flow
internal import Wire

/// One publish, parsed and not yet accepted; its bytes are lent, its other attributes stand in the
/// core's `extras` as the log wants them.
struct EventDraft: BitwiseCopyable {
  var application = ApplicationNumber(1)
  var type: FrameBytes
  var data: FrameBytes
  /// Empty unless the publisher gave one.
  var id = FrameBytes.none
  var contentType = FrameBytes.none
  /// Unix milliseconds; 0 unless the publisher gave one.
  var time: UInt64 = 0
  var wantsDetails = false
  var mayUseOwnIDs = false
  /// The only endpoint it is for; 0 is everybody who subscribed.
  var endpoint = EndpointNumber(0)

  init(type: FrameBytes, data: FrameBytes) {
    self.type = type
    self.data = data
  }

  /// Bytes of an id that Fanfare makes: `msg_` and a KSUID.
  static let ownIDBytes = 4 + KSUID.textBytes

  var hasID: Bool { !id.isEmpty }
  /// Bytes of the id it will have.
  var idLength: Int { hasID ? id.count : Self.ownIDBytes }

  /// Bytes it takes in a block.
  func payloadLength(extras: Int) -> Int { type.count + idLength + extras + data.count }

  /// What makes two publishes under one id the same.
  var contentHash: UInt64 {
    let typeHash = unsafe Hash64.of(type.raw)
    let contentTypeHash = unsafe Hash64.of(contentType.raw, seed: typeHash)
    return unsafe Hash64.of(data.raw, seed: contentTypeHash)
  }
}

/// Why an `EMIT` could not be read.
enum DraftError: Error {
  /// Wrong usage: the text, with its code.
  case usage(StaticString)
  /// A value that the grammar refuses.
  case refused(PublishRefusal)
  /// An application that does not exist.
  case unknownApplication(String)
}

/// The optional attributes of one event as they will stand in the block.
struct ExtrasBuilder: ~Copyable {
  private(set) var bytes = ByteBuffer(capacity: 512)
  private var channels = 0
  private var seen: UInt8 = 0

  /// Empties it for the next event.
  mutating func begin() {
    bytes.removeAll()
    channels = 0
    seen = 0
  }

  /// Adds an attribute after checking its grammar.
  mutating func add(_ tag: UInt8, _ value: FrameBytes) throws(DraftError) {
    if tag == ExtraTag.channel {
      if channels == PublishLimits.channelsMax { throw .refused(.tooManyChannels) }
      channels += 1
    } else if seen & (1 << tag) != 0 {
      throw .usage("ERR an option is given twice")
    }
    seen |= 1 << tag
    if let refusal = Self.check(tag, value) { throw .refused(refusal) }
    bytes.append(tag)
    bytes.append(UInt8(truncatingIfNeeded: value.count))
    bytes.append(UInt8(truncatingIfNeeded: value.count >> 8))
    unsafe bytes.append(contentsOf: value.raw)
  }

  private static func check(_ tag: UInt8, _ value: FrameBytes) -> PublishRefusal? {
    switch tag {
    case ExtraTag.contentType:
      unsafe EventRules.isValidContentType(value.raw) ? nil : .invalidContentType
    case ExtraTag.source: unsafe EventRules.isValidAttribute(value.raw) ? nil : .invalidSource
    case ExtraTag.subject: unsafe EventRules.isValidAttribute(value.raw) ? nil : .invalidSubject
    default: unsafe EventRules.isValidChannel(value.raw) ? nil : .invalidChannel
    }
  }
}
