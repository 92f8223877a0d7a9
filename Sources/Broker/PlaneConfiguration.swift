internal import Base
internal import Delivery
internal import Flow
internal import Ingest
internal import Platform
internal import Storage
internal import TLS

/// What the stages are told at start, worked out of the settings.
struct PlaneConfiguration: Sendable {
  /// Blocks for one large event or one batch each; part of the block memory.
  static let largeBlocks = 8
  /// Given up when a checkpoint or a spool segment meets a full disk; a segment is reserved beside.
  static let reserveBytes = 64 << 20

  var journal: JournalConfiguration
  var ingest: IngestConfiguration
  var reactor: ReactorConfiguration
  /// Packed bytes that the pending events of one endpoint may hold.
  var endpointQuotaBytes: UInt64
  /// Bytes on disk that dead letters and their events may hold.
  var deadBytesMax: UInt64
  /// Ordinary blocks of the log's head.
  var blocks: Int
  var seed: UInt64

  /// Works out limits that depend on the machine.
  init(_ settings: Settings, disk: any Disk) throws(BrokerError) {
    let journalBytes = try Self.bytes(settings.journalBytesMax, orPart: 5, settings, disk)
    endpointQuotaBytes = try Self.bytes(settings.spoolEndpointQuota, orPart: 10, settings, disk)
    deadBytesMax = try Self.bytes(settings.deadBytesMax, orPart: 10, settings, disk)
    journal = JournalConfiguration(
      directory: settings.data, durability: settings.durability,
      retentionSeconds: settings.journalRetention.count / 1_000_000_000,
      bytesMax: journalBytes, spoolBytesMax: min(journalBytes, .max / 2) * 2,
      reserveBytes: Self.reserveBytes)
    ingest = IngestConfiguration()
    ingest.connectionsMax = settings.publisherConnectionsMax
    ingest.publishOnly = settings.socketPublishOnly
    ingest.version = fanfareVersion
    let descriptors = ProcessSetup.raiseDescriptorLimit()
    let connections =
      settings.connectionsMax > 0 ? settings.connectionsMax : max(16, descriptors * 4 / 5)
    reactor = ReactorConfiguration(
      reactorCount: settings.reactors, connectionsMax: max(1, connections / settings.reactors),
      perHostMax: max(1, settings.connectionsPerHostMax / settings.reactors),
      addressGuard: try Self.addressGuard(settings))
    let large = Self.largeBlocks * Block.memoryBytes(
      events: BlockLimits.largeEvents, payload: BlockLimits.largePayloadBytes)
    let ordinary = Block.memoryBytes(
      events: BlockLimits.events, payload: BlockLimits.payloadBytes)
    blocks = max(16, (Int(settings.blockMemoryBytes) - large) / ordinary)
    seed = SecureRandom.word()
  }

  /// A size as it was set; 0 is the `part`-th part of the file system.
  private static func bytes(
    _ set: UInt64, orPart part: UInt64, _ settings: Settings, _ disk: any Disk
  ) throws(BrokerError) -> UInt64 {
    if set > 0 { return set }
    do throws(SystemError) {
      return try disk.space(settings.data).total / part
    } catch {
      throw .failed("\(settings.data): \(error)")
    }
  }

  private static func addressGuard(_ settings: Settings) throws(BrokerError) -> AddressGuard {
    var blocks: [AddressBlock] = []
    for text in settings.allow {
      guard let block = AddressBlock(cidr: text) else {
        throw .configuration("allow: '\(text)' is no CIDR such as 10.0.0.0/8 or fd00::/8")
      }
      blocks.append(block)
    }
    let ownPort = settings.listenHostAndPort.map { UInt16($0.port) } ?? 0
    return AddressGuard(
      allowed: blocks, devMode: settings.dev, ownPorts: ownPort == 0 ? [] : [ownPort])
  }
}

/// Why a broker could not start.
public enum BrokerError: Error, Sendable {
  /// A setting is wrong: exit 78.
  case configuration(String)
  /// Anything else: exit 1.
  case failed(String)

  /// Whether the settings are to blame.
  public var isConfiguration: Bool {
    if case .configuration = self { return true }
    return false
  }
  /// The sentence for people.
  public var text: String {
    switch self {
    case .configuration(let text), .failed(let text): text
    }
  }
}
