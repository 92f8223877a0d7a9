public import Base
internal import Flow
internal import Platform

/// One thing that a repair does.
public struct RepairStep: Sendable, Equatable {
  /// What is done.
  public enum Action: String, Sendable {
    /// A checkpoint that can't be read moves to `quarantine/`.
    case moveCheckpoint = "move to quarantine"
    /// A segment header is made anew from the blocks; the old one is kept in `quarantine/`.
    case rewriteHeader = "write a new segment header"
    /// A fresh segment begins behind what the checkpoint covers, so that the log opens again.
    case goOnBehindCheckpoint = "go on behind the checkpoint"
  }

  /// What is done.
  public let action: Action
  /// To which file.
  public let path: String
  /// What is lost by it, in words; `nil` when nothing is.
  public let drops: String?
  /// Blocks that are given up; empty when none are.
  public let sequences: ClosedRange<UInt64>?
}

/// Makes a directory that recovery refuses, or complains of at every start, one that it opens.
///
/// What recovery does by itself is left to it: torn tails and damaged blocks are copied to
/// `quarantine/` when the broker starts, and damaged blocks stay where they are, so that a read
/// names them instead of finding nothing. Nothing is ever deleted.
public struct JournalRepair {
  /// What would be done, in order; empty when there is nothing to do.
  public let steps: [RepairStep]
  private let inspector: JournalInspector

  /// Plans the repair of what `inspector` saw; writes nothing.
  public init(_ inspector: JournalInspector) {
    self.inspector = inspector
    var steps: [RepairStep] = []
    for finding in inspector.findings where finding.kind == .damagedCheckpoint {
      steps.append(
        RepairStep(action: .moveCheckpoint, path: finding.path, drops: nil, sequences: nil))
    }
    for plan in inspector.plans where plan.header == nil && plan.first > 0 {
      steps.append(
        RepairStep(action: .rewriteHeader, path: plan.path, drops: nil, sequences: nil))
    }
    if case .checkpointAhead(let path, let checkpoint, let log) = inspector.refusal {
      steps.append(
        RepairStep(
          action: .goOnBehindCheckpoint, path: path,
          drops: "what was undelivered in blocks \(log + 1) to \(checkpoint), whose segments are "
            + "not here; put them back instead if you have them",
          sequences: (log + 1)...checkpoint))
    }
    self.steps = steps
  }

  /// Does all of it. The caller holds the directory's lock.
  /// - Parameter now: for time stamps.
  /// - Throws: `system`; what was done before stays done, and a second repair goes on.
  public func perform(now: Now) throws(StorageError) {
    let layout = inspector.layout
    try onPath(layout.quarantine) { () throws(SystemError) in
      try inspector.disk.makeDirectory(layout.quarantine)
      try inspector.disk.syncDirectory(layout.root)
    }
    for step in steps {
      switch step.action {
      case .moveCheckpoint: try moveAway(step.path)
      case .rewriteHeader:
        guard let plan = inspector.plans.first(where: { $0.path == step.path }) else { continue }
        try rewriteHeader(plan, now)
      case .goOnBehindCheckpoint:
        guard let last = step.sequences?.upperBound else { continue }
        try beginSegment(after: last, now)
      }
    }
  }

  private func moveAway(_ path: String) throws(StorageError) {
    let layout = inspector.layout
    let target = free("\(layout.quarantine)\(path.dropFirst(layout.journal.count)).damaged")
    try onPath(path) { () throws(SystemError) in
      try inspector.disk.rename(path, to: target)
      try inspector.disk.syncDirectory(layout.quarantine)
      try inspector.disk.syncDirectory(layout.journal)
    }
  }

  private func rewriteHeader(_ plan: SegmentPlan, _ now: Now) throws(StorageError) {
    let target = free(
      inspector.layout.quarantined(segment: plan.number, offset: 0, torn: false))
    var header = SegmentHeader(
      number: plan.number, firstSequence: plan.first, createdAt: now.unix.value,
      segmentBytes: UInt64(plan.size))
    header.salt = plan.salt
    let buffer = GatherBuffer(capacity: SegmentHeader.byteCount)
    header.append(to: buffer)
    let disk = inspector.disk
    try inspector.run.withReader(plan) { (reader) throws(SystemError) in
      guard let old = try reader.view(0, SegmentHeader.byteCount) else { return }
      let copy = try disk.open(target, .create)
      defer { disk.close(copy) }
      try unsafe disk.writeAll(copy, old.bytes, at: 0)
      try disk.syncData(copy)
      try disk.syncDirectory(inspector.layout.quarantine)
      let file = try disk.open(plan.path, .readWrite)
      defer { disk.close(file) }
      try unsafe disk.writeAll(file, buffer.view.bytes, at: 0)
      try disk.syncData(file)
    }
  }

  private func beginSegment(after last: UInt64, _ now: Now) throws(StorageError) {
    let bytes = inspector.plans.compactMap { $0.header?.segmentBytes }.last ?? 0
    let length = bytes > 0 ? Int(bytes) : JournalConfiguration.segmentBytesDefault
    let number = inspector.run.freshNumber
    let header = SegmentHeader(
      number: number, firstSequence: last + 1, createdAt: now.unix.value,
      segmentBytes: UInt64(length))
    let buffer = GatherBuffer(capacity: SegmentHeader.byteCount)
    header.append(to: buffer)
    let (layout, disk) = (inspector.layout, inspector.disk)
    let file = try SegmentFile.zeroed(
      layout.segmentTemporary(number), bytes: length, disk: disk)
    try SegmentFile.publish(
      file, beginning: buffer.view, number: number, layout: layout, disk: disk)
    disk.close(file)
  }

  /// `path`, or with a number behind it when an earlier repair took that name.
  private func free(_ path: String) -> String {
    var candidate = path
    var number = 1
    while let file = try? inspector.disk.open(candidate, .read) {
      inspector.disk.close(file)
      number += 1
      candidate = "\(path).\(number)"
    }
    return candidate
  }
}
