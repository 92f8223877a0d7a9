import Base
import Flow
import Platform
import Storage

/// One damaged directory, opened: what became of the log.
struct CampaignTrial {
  /// What may not happen, in words; empty when all went well.
  private(set) var failures: [String] = []
  /// Whole events that were acknowledged and can't be had any more.
  private(set) var lost = 0
  /// Whether the damage was named by position: by verify, by recovery, or by the read.
  private(set) var isNoticed = false
  /// Events that were in damaged bytes.
  private(set) var struck = 0

  private let log: CampaignLog
  private let disk: MemoryDisk
  private var changes: [String: [Range<Int>]] = [:]
  /// Where the files end that were cut off.
  private var cuts: [String: Int] = [:]
  private let isThorough: Bool

  /// - Parameter isThorough: reads every event, not only those of the damaged segments.
  init?(_ log: CampaignLog, _ files: [String: FileImage], isThorough: Bool) {
    self.log = log
    self.isThorough = isThorough
    disk = MemoryDisk(files)
    for (path, image) in files {
      guard let before = log.files[path] else { continue }
      let ranges = image.changes(from: before)
      if !ranges.isEmpty { changes[path] = ranges }
      if image.size < before.size { cuts[path] = image.size }
    }
    if changes.isEmpty { return nil }
    run()
  }

  /// Whether nothing was struck but a watermark that stands elsewhere too: then no event, outcome
  /// or definition is missed, and a log that ends one statement earlier is a log like any other.
  var isHarmless: Bool {
    failures.isEmpty && lost == 0 && struck == 0
      && changes.allSatisfy { log.areStatements($0.value, in: $0.key) }
  }

  /// What was changed, by file.
  var changesText: String {
    changes.map { "\($0.key) \($0.value.map { "\($0)" }.joined(separator: " "))" }.sorted()
      .joined(separator: "; ")
  }

  private mutating func run() {
    verify()
    guard let first = restart(200_000) else { return }
    judge(first)
    guard let second = restart(300_000) else { return }
    if second.nextSequence < first.nextSequence {
      failures.append("the second restart went back to block \(second.nextSequence)")
    }
    let before = lost
    judge(second)
    lost = max(before, lost - before)
  }

  private mutating func verify() {
    do {
      let verdict = try JournalInspector(directory: CampaignLog.directory, disk: disk).verify()
      isNoticed = verdict.faults.contains { names($0.path, $0.offset, $0.length) }
    } catch { failures.append("verify: \(error)") }
  }

  /// Whether a report points at damaged bytes, or ends where the file was cut off.
  private func names(_ path: String, _ offset: UInt64, _ length: UInt64) -> Bool {
    let start = Int(offset)
    // A whole file, when it is a checkpoint or nothing of it can be read.
    if path.contains("checkpoint-") { return changes[path] != nil }
    if length > 0, cuts[path] == start + Int(length) { return true }
    return changes[path]?.contains {
      start < $0.upperBound && $0.lowerBound < start + max(Int(length), 1)
    } ?? false
  }

  private mutating func restart(_ start: UInt64) -> RecoveredLog? {
    let now = Now(
      instant: Instant(nanoseconds: start * 1_000_000),
      unix: UnixMilliseconds(1_700_000_000_000 + start))
    do {
      return try Recovery.open(
        directory: CampaignLog.directory, disk: disk, now: now, segmentBytes: World.segmentBytes)
    } catch {
      failures.append("restart: \(error)")
      return nil
    }
  }

  private mutating func judge(_ recovered: RecoveredLog) {
    if recovered.report.contains(where: { names($0.path, $0.offset, $0.length) }) {
      isNoticed = true
    }
    let unknown = Set(
      recovered.report.filter { $0.kind == .unknownAudience }.map(\.firstSequence))
    let reader = LogReader(
      index: recovered.index, directory: CampaignLog.directory, disk: disk)
    let lanes = Dictionary(
      uniqueKeysWithValues: recovered.lanes.map { ($0.endpoint.value, $0) })
    struck = 0
    for stored in log.stored {
      let isWhole =
        changes[stored.path]?.allSatisfy { !$0.overlaps(stored.range) } ?? true
      if !isWhole { struck += 1 }
      if isThorough || changes[stored.path] != nil { read(stored, isWhole, reader) }
      guard isWhole, !unknown.contains(stored.event.position.sequence) else { continue }
      for endpoint in stored.endpoints
      where log.settled[endpoint]?.contains(stored.event.position.packed) != true {
        if !Self.isPending(stored.event.position, lanes[endpoint]) {
          fail(stored, "endpoint \(endpoint) has forgotten it")
        }
      }
    }
  }

  private static func isPending(_ position: Position, _ lane: LaneImage?) -> Bool {
    guard let lane else { return false }
    if lane.holes.contains(where: { $0.position == position }) { return true }
    return lane.behind > 0 && position >= lane.cursor
  }

  private mutating func read(_ stored: CampaignLog.Stored, _ isWhole: Bool, _ reader: LogReader) {
    do {
      let event = try reader.event(at: stored.event.position)
      if !Self.isSame(event, stored.event) {
        failures.append("wrong bytes for block \(stored.event.position.sequence)")
      }
    } catch {
      if isWhole { return fail(stored, "\(error)") }
      if case .damaged(let path, let offset, _) = error,
        names(path, offset, UInt64(stored.range.count))
      {
        isNoticed = true
      }
    }
  }

  private static func isSame(_ one: StoredEvent, _ other: StoredEvent) -> Bool {
    one.type == other.type && one.id == other.id && one.data == other.data
      && one.extras == other.extras && one.audience == other.audience && one.time == other.time
  }

  private mutating func fail(_ stored: CampaignLog.Stored, _ reason: String) {
    lost += 1
    if failures.count < 4 {
      failures.append("block \(stored.event.position.sequence) is whole and lost: \(reason)")
    }
  }
}
