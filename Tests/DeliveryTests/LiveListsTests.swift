import Base
import Delivery
import Flow
import Testing

// Goal: lists, chains and counts stay in step, whatever lanes do.
// Method: random learning, falling behind, catching up and removal against plain sets.
struct LiveListsTests {
  @Test(arguments: 1...10 as ClosedRange<UInt64>)
  func `lists agree with plain sets`(_ seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var sut = LiveLists()
    var heads = [UInt32](repeating: noSlot, count: 20)
    var live = Set<UInt32>(0..<20)
    var members: [[UInt32]] = []
    var walked = [UInt64](repeating: 0, count: 8)
    for number in 0..<8 as Range<UInt32> {
      let audience = AudienceNumber(number)
      let wasLearned = sut.isLearned(audience)
      #expect(!wasLearned)
      sut.learn(audience)
      members.append((0..<20).filter { _ in random.oneIn(2) })
      for lane in members[Int(number)] {
        sut.add(lane: lane, isLive: true, head: &heads[Int(lane)], to: audience)
      }
    }
    for _ in 0..<2_000 {
      let number = Int(random.below(8))
      let audience = AudienceNumber(UInt32(number))
      let lane = UInt32(random.below(20))
      switch random.below(10) {
      case 0:
        for index in members.indices { members[index].removeAll { $0 == lane } }
        sut.remove(head: heads[Int(lane)])
        heads[Int(lane)] = noSlot
      case 1, 2, 3:
        live.insert(lane)
        sut.promote(head: heads[Int(lane)])
      default:
        walked[number] += 1
        sut.countWalked(audience, bytes: number + 1)
        if random.oneIn(2) { live.remove(lane) }
        var seen: Set<UInt32> = []
        var place = sut.liveCount(audience)
        while place > 0 {
          place -= 1
          let one = sut.lane(audience, place)
          #expect(seen.insert(one).inserted)
          if !live.contains(one) { sut.demote(audience, place) }
        }
        let front = Set((0..<sut.liveCount(audience)).map { sut.lane(audience, $0) })
        #expect(front == live.intersection(members[number]))
      }
      let memberCount = sut.memberCount(audience)
      #expect(memberCount == members[number].count)
      let mine = members.indices.filter { members[$0].contains(lane) }
      let total = sut.walkedTotal(head: heads[Int(lane)])
      #expect(total.events == mine.reduce(0) { $0 + walked[$1] })
      #expect(total.bytes == mine.reduce(0) { $0 + walked[$1] * UInt64($1 + 1) })
    }
  }
}
