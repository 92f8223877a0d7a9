internal import Flow

/// Whether a segment's footer says what its blocks say.
struct FooterCheck {
  /// The first contradiction.
  let problem: String?

  /// - Parameters:
  ///   - tables: the footer's.
  ///   - gaps: where no block could be read: nothing can be said of those.
  ///   - listed: the segment's event blocks, with the audiences in each where they can be read.
  init(
    _ tables: BlockTables, gaps: [ScanGap],
    listed: [(block: ScannedBlock, audiences: Set<UInt32>?)]
  ) {
    var placed: [Set<UInt32>?] = []
    var problem: String?
    var next = listed[...]
    for entry in tables.entries {
      let sequence = entry.sequence
      if let found = next.first, found.block.sequence == sequence {
        next.removeFirst()
        placed.append(found.audiences)
        if found.block.offset != entry.offset || found.block.length != entry.length {
          problem = problem ?? "it has block \(sequence) at offset \(entry.offset)"
        }
      } else {
        placed.append(nil)
        let isLost = gaps.contains { $0.sequence <= sequence && sequence < $0.nextSequence ?? .max }
        if !isLost { problem = problem ?? "it lists block \(sequence), which has no events" }
      }
    }
    if let missing = next.first {
      problem = problem ?? "block \(missing.block.sequence) is not in it"
    }
    self.problem = problem ?? Self.postings(tables, placed)
  }

  private static func postings(_ tables: BlockTables, _ placed: [Set<UInt32>?]) -> String? {
    var seen = placed.map { $0?.subtracting([0]).count ?? 0 }
    var problem: String?
    let isWhole = tables.forEachPosting { audience, blocks in
      for entry in 0..<(blocks.count / 4) {
        let index = Int(blocks.u32(entry * 4))
        guard index < placed.count else {
          problem = problem ?? "a list names block \(index) of \(placed.count)"
          return
        }
        guard let audiences = placed[index] else { continue }
        if audiences.contains(audience.value) {
          seen[index] -= 1
        } else {
          problem = problem
            ?? "audience \(audience.value) is listed for a block that has no event for it"
        }
      }
    }
    if let problem { return problem }
    if !isWhole { return "a list reaches past its table" }
    return seen.allSatisfy { $0 == 0 } ? nil : "an audience is not listed for a block that has it"
  }
}

extension Checkpoint {
  /// What contradicts itself in a checkpoint whose checksums hold.
  var problem: String? {
    for image in images {
      for lane in image.lanes {
        if lane.cursor.sequence > image.walkedThrough + 1 {
          return "endpoint \(lane.endpoint.value) is ahead of what its reactor had walked"
        }
        if lane.holes.contains(where: { $0.position >= lane.cursor }) {
          return "endpoint \(lane.endpoint.value) has tried what it has not looked at"
        }
      }
    }
    return nil
  }
}
