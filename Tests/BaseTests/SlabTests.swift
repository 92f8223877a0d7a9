// Goal: slab names never reach a wrong element, addresses stay, everything is destroyed once.
// Method: a dictionary as the model under random inserts and removes; a class that counts its ends.
internal import Base
internal import Testing

@Suite struct SlabTests {
  @Test func `a removed element's name finds nothing, even when its slot is filled again`() {
    var slab = Slab<Int>(capacity: 10)
    let first = slab.insert(1)
    guard let first else { return #expect(Bool(false)) }
    #expect(slab.remove(first) == 1)
    #expect(unsafe slab.pointer(first) == nil)
    let second = slab.insert(2)
    #expect(second?.slot == first.slot)
    #expect(second?.generation != first.generation)
    #expect(unsafe slab.pointer(first) == nil)
    #expect(unsafe slab.pointer(second ?? .none)?.pointee == 2)
  }

  @Test func `the name none finds nothing`() {
    var slab = Slab<Int>(capacity: 10)
    #expect(unsafe slab.pointer(.none) == nil)
    _ = slab.insert(1)
    #expect(unsafe slab.pointer(.none) == nil)
    #expect(unsafe slab.pointer(SlotID(packed: .max)) == nil)
  }

  @Test func `a slab at capacity refuses`() {
    var slab = Slab<Int>(capacity: 3)
    let ids = (0..<3).map { slab.insert($0) }
    #expect(slab.insert(3) == nil)
    #expect(slab.count == 3)
    _ = slab.remove(ids[1] ?? .none)
    #expect(slab.insert(4) != nil)
    #expect(slab.insert(5) == nil)
  }

  @Test func `addresses stay while the slab grows by chunks`() {
    var slab = Slab<Int>(capacity: 5_000)
    guard let first = slab.insert(42), let address = unsafe slab.pointer(first) else {
      return #expect(Bool(false))
    }
    for value in 0..<4_000 { _ = slab.insert(value) }
    #expect(unsafe slab.pointer(first) == address)
    #expect(unsafe address.pointee == 42)
    #expect(slab.slotEnd >= 4_001)
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func `random inserts and removes equal a dictionary`(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var slab = Slab<UInt64>(capacity: 700)
    var model: [SlotID: UInt64] = [:]
    var live: [SlotID] = []
    var dead: [SlotID] = []
    for _ in 0..<20_000 {
      if random.below(100) < 52 {
        let value = random.next()
        if let id = slab.insert(value) {
          #expect(model[id] == nil)
          model[id] = value
          live.append(id)
        } else {
          #expect(live.count == 700)
        }
      } else if !live.isEmpty {
        let id = live.remove(at: Int(random.below(UInt64(live.count))))
        #expect(slab.remove(id) == model.removeValue(forKey: id))
        dead.append(id)
      }
    }
    #expect(slab.count == live.count)
    for id in live {
      #expect(unsafe slab.pointer(id)?.pointee == model[id])
      #expect(slab.id(ofSlot: id.slot) == id)
      #expect(SlotID(packed: id.packed) == id)
    }
    for id in dead { #expect(unsafe slab.pointer(id) == nil) }
  }

  final class Ends {
    var count = 0
  }
  struct Owner: ~Copyable {
    let ends: Ends
    deinit { ends.count += 1 }
  }

  @Test func `elements are destroyed once: refused, removed, or with the slab`() {
    let ends = Ends()
    do {
      var slab = Slab<Owner>(capacity: 2)
      let first = slab.insert(Owner(ends: ends))
      _ = slab.insert(Owner(ends: ends))
      #expect(slab.insert(Owner(ends: ends)) == nil)
      #expect(ends.count == 1)
      _ = slab.remove(first ?? .none)
      #expect(ends.count == 2)
      _ = slab.insert(Owner(ends: ends))
    }
    #expect(ends.count == 4)
  }

  @Test func `removing twice stops the process`() async {
    await #expect(processExitsWith: .failure) {
      var slab = Slab<Int>(capacity: 2)
      let id = slab.insert(1) ?? .none
      _ = slab.remove(id)
      _ = slab.remove(id)
    }
  }
}
