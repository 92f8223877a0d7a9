internal import Base

/// Lanes behind that *seek*: each waits for the next block of the old log, from its group's sequence
/// on, that has an event for it. Pure.
///
/// When a block comes, its audiences name the seekers that it is for; all others are moved on
/// together, at the cost of one, and groups that meet become one. So 10,000 lanes with a few events
/// each look through a long backlog at the price of one that reads it.
struct SeekerGroups {
  /// One of the groups, until it has no seekers.
  typealias ID = Int

  private struct Group {
    var sequence: UInt64
    var seekers: [SlotID] = []
  }

  /// Where a seeker is, so that it can be taken out.
  private struct Seat {
    var group: ID
    var index: Int
  }

  private var groups: [Group] = []
  private var free: [ID] = []
  /// Groups whose block was not asked for, the one that waits longest in front; few, for they meet.
  private var waiting: [ID] = []
  /// Groups that can be joined: all but those whose block has come.
  private var joinable: [UInt64: ID] = [:]
  /// By slot of the lane.
  private var seats: [UInt32: Seat] = [:]
  private var taken = 0

  /// Whether a group waits.
  var hasWaiting: Bool { !waiting.isEmpty }

  /// How many seekers a group has.
  func count(_ group: ID) -> Int { groups[group].seekers.count }

  /// Up to where, exclusive, a lane has sought in vain; `nil` if it does not seek.
  func sequence(of lane: SlotID) -> UInt64? { seats[lane.slot].map { groups[$0.group].sequence } }

  /// A lane seeks from `sequence` on.
  mutating func add(_ lane: SlotID, at sequence: UInt64) {
    if let group = joinable[sequence] { return seat(lane, in: group) }
    let group = free.popLast() ?? groups.count
    if group == groups.count { groups.append(Group(sequence: sequence)) }
    seat(lane, in: group)
    wait(group, at: sequence)
  }

  /// A lane no longer seeks.
  /// - Parameter group: if given, only a seeker of this group is taken out.
  /// - Returns: whether it was taken out.
  mutating func remove(_ lane: SlotID, from group: ID? = nil) -> Bool {
    guard let seat = seats[lane.slot], group == nil || group == seat.group else { return false }
    seats[lane.slot] = nil
    let last = groups[seat.group].seekers.removeLast()
    if last != lane {
      groups[seat.group].seekers[seat.index] = last
      seats[last.slot] = seat
    }
    return true
  }

  /// The group whose block is to be asked for next; it can be joined until that has come.
  ///
  /// Mostly the oldest, which so comes up to the others and becomes one with them; every eighth time
  /// the one that waits longest, lest old ones that keep coming hold up the rest.
  mutating func takeWaiting() -> (group: ID, sequence: UInt64)? {
    while !waiting.isEmpty {
      var place = 0
      if taken & 7 != 7 {
        for other in waiting.indices
        where groups[waiting[other]].sequence < groups[waiting[place]].sequence { place = other }
      }
      taken &+= 1
      let group = waiting.remove(at: place)
      let sequence = groups[group].sequence
      if !groups[group].seekers.isEmpty { return (group, sequence) }
      joinable[sequence] = nil
      free.append(group)
    }
    return nil
  }

  /// The block of a group has come: nobody joins it any more. To be followed by `takeAll` or `move`.
  mutating func close(_ group: ID) { joinable[groups[group].sequence] = nil }

  /// Ends a closed group.
  /// - Returns: its seekers.
  mutating func takeAll(_ group: ID) -> [SlotID] {
    let seekers = groups[group].seekers
    for lane in seekers { seats[lane.slot] = nil }
    groups[group].seekers = []
    free.append(group)
    return seekers
  }

  /// The seekers of a closed group wait further on.
  mutating func move(_ group: ID, to sequence: UInt64) {
    if groups[group].seekers.isEmpty {
      free.append(group)
    } else if let other = joinable[sequence] {
      for lane in takeAll(group) { seat(lane, in: other) }
    } else {
      wait(group, at: sequence)
    }
  }

  private mutating func wait(_ group: ID, at sequence: UInt64) {
    groups[group].sequence = sequence
    joinable[sequence] = group
    waiting.append(group)
  }

  private mutating func seat(_ lane: SlotID, in group: ID) {
    seats[lane.slot] = Seat(group: group, index: groups[group].seekers.count)
    groups[group].seekers.append(lane)
  }
}
