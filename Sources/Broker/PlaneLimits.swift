internal import Base
internal import Delivery
internal import Platform
internal import Storage

/// What of the stages may change while they run, worked out of the settings and the machine.
struct PlaneLimits: Sendable, Equatable {
  /// What of the log is kept.
  var journal: JournalLimits
  /// Where each reactor may connect to.
  var reactor: ReactorLimits
  /// Packed bytes that the pending events of one endpoint may hold.
  var endpointQuotaBytes: UInt64
  /// Bytes on disk that dead letters and their events may hold.
  var deadBytesMax: UInt64

  init(_ settings: Settings, disk: any Disk) throws(BrokerError) {
    let journalBytes = try Self.bytes(settings.journalBytesMax, orPart: 5, settings, disk)
    endpointQuotaBytes = try Self.bytes(settings.spoolEndpointQuota, orPart: 10, settings, disk)
    deadBytesMax = try Self.bytes(settings.deadBytesMax, orPart: 10, settings, disk)
    journal = JournalLimits(
      retentionSeconds: settings.journalRetention.count / 1_000_000_000, bytesMax: journalBytes,
      spoolBytesMax: min(journalBytes, .max / 2) * 2)
    let descriptors = ProcessSetup.raiseDescriptorLimit()
    let connections =
      settings.connectionsMax > 0 ? settings.connectionsMax : max(16, descriptors * 4 / 5)
    reactor = ReactorLimits(
      connectionsMax: max(1, connections / settings.reactors),
      perHostMax: max(1, settings.connectionsPerHostMax / settings.reactors),
      addressGuard: try Self.addressGuard(settings))
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
