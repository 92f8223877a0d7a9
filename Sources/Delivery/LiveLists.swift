internal import Base
package import Flow

/// Events that a reactor has walked, and their `EventHeader.plainBytes`.
package struct WalkedTotal: BitwiseCopyable, Equatable {
  package var events: UInt64
  package var bytes: UInt64

  package init(events: UInt64 = 0, bytes: UInt64 = 0) {
    self.events = events
    self.bytes = bytes
  }
}

/// Audiences as a reactor expands them: for each, its own lanes, those that are live in front.
///
/// Walking an event touches the live lanes only. A lane that falls behind is swapped to the back of
/// one list at the event that it could not take, and of the others when they are next walked; one
/// that catches up is swapped to the front of all its lists through its chain of memberships.
package struct LiveLists: ~Copyable {
  private struct Entry: BitwiseCopyable {
    var lane: UInt32
    var member: UInt32
  }

  /// One lane in one audience; chained per lane, so that a lane finds its places.
  private struct Member: BitwiseCopyable {
    var audience: UInt32
    var place: UInt32
    var next: UInt32
  }

  private struct Expansion {
    var entries: [Entry] = []
    var liveCount = 0
    /// Events walked of this audience.
    var walked = WalkedTotal()
    var isLearned = false
  }

  private var expansions: [Expansion] = []
  private var members: [Member] = []
  private var freeMembers: [UInt32] = []

  /// No audiences, no lanes.
  package init() {}

  /// Whether the audience was expanded.
  package func isLearned(_ audience: AudienceNumber) -> Bool {
    Int(audience.value) < expansions.count && expansions[Int(audience.value)].isLearned
  }

  /// Begins an audience without lanes.
  package mutating func learn(_ audience: AudienceNumber) {
    while expansions.count <= Int(audience.value) { expansions.append(Expansion()) }
    expansions[Int(audience.value)].isLearned = true
  }

  /// Adds a lane to an audience.
  /// - Parameter head: the lane's chain of memberships.
  package mutating func add(
    lane: UInt32, isLive: Bool, head: inout UInt32, to audience: AudienceNumber
  ) {
    let index = Int(audience.value)
    let place = UInt32(expansions[index].entries.count)
    let member = takeMember(Member(audience: audience.value, place: place, next: head))
    head = member
    expansions[index].entries.append(Entry(lane: lane, member: member))
    if isLive { moveToFront(index, Int(place)) }
  }

  /// This reactor's lanes in the audience.
  package func memberCount(_ audience: AudienceNumber) -> Int {
    expansions[Int(audience.value)].entries.count
  }

  /// Those in front; some may have fallen behind since the audience was last walked.
  package func liveCount(_ audience: AudienceNumber) -> Int {
    expansions[Int(audience.value)].liveCount
  }

  /// The lane at a place.
  @inline(__always)
  package func lane(_ audience: AudienceNumber, _ place: Int) -> UInt32 {
    expansions[Int(audience.value)].entries[place].lane
  }

  /// Counts one event of the audience.
  package mutating func countWalked(_ audience: AudienceNumber, bytes: Int) {
    expansions[Int(audience.value)].walked.events += 1
    expansions[Int(audience.value)].walked.bytes += UInt64(bytes)
  }

  /// The lane at `place`, in front, has fallen behind; the places before it stay.
  package mutating func demote(_ audience: AudienceNumber, _ place: Int) {
    let index = Int(audience.value)
    expansions[index].liveCount -= 1
    swap(index, place, expansions[index].liveCount)
  }

  /// The lane follows the head again.
  package mutating func promote(head: UInt32) {
    var member = head
    while member != noSlot {
      let (audience, place) = (members[Int(member)].audience, members[Int(member)].place)
      moveToFront(Int(audience), Int(place))
      member = members[Int(member)].next
    }
  }

  /// The lane is gone: takes it out of all its audiences.
  package mutating func remove(head: UInt32) {
    var member = head
    while member != noSlot {
      let next = members[Int(member)].next
      takeOut(Int(members[Int(member)].audience), Int(members[Int(member)].place))
      freeMembers.append(member)
      member = next
    }
  }

  /// Events walked of all the lane's audiences.
  package func walkedTotal(head: UInt32) -> WalkedTotal {
    var total = WalkedTotal()
    var member = head
    while member != noSlot {
      let walked = expansions[Int(members[Int(member)].audience)].walked
      total.events += walked.events
      total.bytes += walked.bytes
      member = members[Int(member)].next
    }
    return total
  }

  private mutating func moveToFront(_ index: Int, _ place: Int) {
    if place < expansions[index].liveCount { return }
    swap(index, place, expansions[index].liveCount)
    expansions[index].liveCount += 1
  }

  private mutating func takeOut(_ index: Int, _ place: Int) {
    var place = place
    if place < expansions[index].liveCount {
      expansions[index].liveCount -= 1
      swap(index, place, expansions[index].liveCount)
      place = expansions[index].liveCount
    }
    swap(index, place, expansions[index].entries.count - 1)
    expansions[index].entries.removeLast()
  }

  private mutating func swap(_ index: Int, _ a: Int, _ b: Int) {
    if a == b { return }
    expansions[index].entries.swapAt(a, b)
    members[Int(expansions[index].entries[a].member)].place = UInt32(a)
    members[Int(expansions[index].entries[b].member)].place = UInt32(b)
  }

  private mutating func takeMember(_ member: Member) -> UInt32 {
    if let free = freeMembers.popLast() {
      members[Int(free)] = member
      return free
    }
    members.append(member)
    return UInt32(members.count - 1)
  }
}
