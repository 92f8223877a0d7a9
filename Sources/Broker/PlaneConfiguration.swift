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
  /// What may change while the broker runs, to begin with.
  var limits: PlaneLimits
  /// Ordinary blocks of the log's head.
  var blocks: Int
  var seed: UInt64

  /// Works out limits that depend on the machine.
  init(_ settings: Settings, disk: any Disk) throws(BrokerError) {
    limits = try PlaneLimits(settings, disk: disk)
    journal = JournalConfiguration(
      directory: settings.data, durability: settings.durability, bytesMax: limits.journal.bytesMax,
      reserveBytes: Self.reserveBytes)
    journal.limits = limits.journal
    ingest = IngestConfiguration()
    ingest.connectionsMax = settings.publisherConnectionsMax
    ingest.publishOnly = settings.socketPublishOnly
    ingest.version = fanfareVersion
    reactor = ReactorConfiguration(reactorCount: settings.reactors)
    reactor.limits = limits.reactor
    let large = Self.largeBlocks * Block.memoryBytes(
      events: BlockLimits.largeEvents, payload: BlockLimits.largePayloadBytes)
    let ordinary = Block.memoryBytes(
      events: BlockLimits.events, payload: BlockLimits.payloadBytes)
    blocks = max(16, (Int(settings.blockMemoryBytes) - large) / ordinary)
    seed = SecureRandom.word()
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
