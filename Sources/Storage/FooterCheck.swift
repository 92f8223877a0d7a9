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
    for index in 0..<(tables.places.count / 16) {
      let sequence = tables.places.u64(index * 16)
      let offset = Int(tables.places.u32(index * 16 + 8)) * Format.alignment
      let length = Int(tables.places.u32(index * 16 + 12)) * Format.alignment
      if let found = next.first, found.block.sequence == sequence {
        next.removeFirst()
        placed.append(found.audiences)
        if found.block.offset != offset || found.block.length != length {
          problem = problem ?? "it has block \(sequence) at offset \(offset)"
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
    self.problem = problem ?? Self.postings(tables.postings, placed)
  }

  private static func postings(_ postings: RawView, _ placed: [Set<UInt32>?]) -> String? {
    var seen = placed.map { $0?.subtracting([0]).count ?? 0 }
    var offset = 0
    while offset + 8 <= postings.count {
      let audience = postings.u32(offset)
      let count = Int(postings.u32(offset + 4))
      guard let list = postings.slice(offset + 8, count * 4) else { return "a list is too long" }
      for entry in 0..<count {
        let index = Int(list.u32(entry * 4))
        guard index < placed.count else { return "a list names block \(index) of \(placed.count)" }
        guard let audiences = placed[index] else { continue }
        if !audiences.contains(audience) {
          return "audience \(audience) is listed for a block that has no event for it"
        }
        seen[index] -= 1
      }
      offset += 8 + count * 4
    }
    if offset != postings.count { return "a list reaches past its table" }
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
