// Goal: a block gives back the events put in, keeps its bounds, and refuses damaged sections.
// Method: random events from seeds; sections copied, then damaged one field at a time.
internal import Base
internal import Flow
internal import Testing

/// An event as tests write it.
struct TestEvent: Equatable {
  var type: [UInt8]
  var id: [UInt8]
  var extras: [UInt8]
  var data: [UInt8]

  static func random(_ random: inout SeededRandom, dataMax: UInt64) -> TestEvent {
    func bytes(_ count: UInt64) -> [UInt8] {
      (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }
    return TestEvent(
      type: bytes(1 + random.below(128)), id: bytes(1 + random.below(128)),
      extras: bytes(random.below(40)), data: bytes(random.below(dataMax + 1)))
  }

  var header: EventHeader {
    EventHeader(
      time: UnixMilliseconds(1), idHash: 2, typeHash: 3, contentHash: 4, payloadOffset: 0,
      dataLength: UInt32(data.count), extrasLength: UInt32(extras.count),
      audience: AudienceNumber(7), application: ApplicationNumber(1),
      typeLength: UInt8(type.count), idLength: UInt8(id.count), kind: .binary, flags: 0)
  }

  func append(to block: Block) -> Bool {
    let all = type + id + extras + data
    guard block.fits(payloadLength: all.count) else { return false }
    unsafe block.nextPayload(all.count).copyBytes(from: all)
    block.append(header)
    return true
  }

  init(type: [UInt8], id: [UInt8], extras: [UInt8], data: [UInt8]) {
    self.type = type
    self.id = id
    self.extras = extras
    self.data = data
  }

  init(_ view: EventView) {
    type = unsafe Array(view.type)
    id = unsafe Array(view.id)
    extras = unsafe Array(view.extras)
    data = unsafe Array(view.data)
  }
}

@Suite struct BlockTests {
  static func events(of block: Block) -> [TestEvent] {
    (0..<block.eventCount).map { TestEvent(block.event($0)) }
  }

  @Test(arguments: 1...3 as ClosedRange<UInt64>)
  func `a block gives back what was put in until it is full`(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let block = Block.allocate(events: 50, payload: 10_000)
    defer { block.deallocate() }
    var model: [TestEvent] = []
    while true {
      let event = TestEvent.random(&random, dataMax: 300)
      guard event.append(to: block) else { break }
      model.append(event)
    }
    #expect(Self.events(of: block) == model)
    #expect(block.payloadCount == model.reduce(0) { $0 + $1.header.payloadLength })
    #expect(unsafe block.headers.count == model.count * 64)
    #expect(block.audience(0) == AudienceNumber(7))
    let kept = model.count / 2
    block.truncate(toEvents: kept)
    model.removeLast(model.count - kept)
    let event = TestEvent.random(&random, dataMax: 100)
    #expect(event.append(to: block))
    #expect(Self.events(of: block) == model + [event])
    block.truncate(toEvents: 0)
    #expect(block.payloadCount == 0)
    block.reset()
    #expect(block.eventCount == 0 && block.sequence == 0)
  }

  @Test func `both bounds hold to the byte and to the event`() {
    let block = Block.allocate(events: 2, payload: 100)
    defer { block.deallocate() }
    #expect(block.fits(payloadLength: 100))
    #expect(!block.fits(payloadLength: 101))
    let event = TestEvent(type: [1], id: [2], extras: [], data: [UInt8](repeating: 0, count: 48))
    #expect(event.append(to: block))
    #expect(block.fits(payloadLength: 50))
    #expect(!block.fits(payloadLength: 51))
    #expect(event.append(to: block))
    #expect(!block.fits(payloadLength: 0))
    #expect(!event.append(to: block))
  }

  /// The two sections of a block with some events, as they stand on disk.
  static func sections(seed: UInt64) -> (headers: [UInt8], payload: [UInt8], model: [TestEvent]) {
    var random = SeededRandom(seed: seed)
    let block = Block.allocate(events: 20, payload: 8_000)
    defer { block.deallocate() }
    let model = (0..<10).map { _ in TestEvent.random(&random, dataMax: 300) }
    for event in model { #expect(event.append(to: block)) }
    return unsafe (Array(block.headers), Array(block.payload), model)
  }

  static func load(_ block: Block, headers: [UInt8], payload: [UInt8]) -> Bool {
    unsafe headers.withUnsafeBytes { headers in
      unsafe block.load(sequence: 77, headers: headers, payloadLength: payload.count) { room in
        unsafe room.copyBytes(from: payload)
        return true
      }
    }
  }

  @Test func `a block is filled again from its two sections`() {
    let (headers, payload, model) = Self.sections(seed: 1)
    let block = Block.allocate(events: 20, payload: 8_000)
    defer { block.deallocate() }
    #expect(Self.load(block, headers: headers, payload: payload))
    #expect(block.sequence == 77)
    #expect(Self.events(of: block) == model)
  }

  @Test func `sections that do not fit or contradict each other leave the block empty`() {
    let (headers, payload, _) = Self.sections(seed: 2)
    let block = Block.allocate(events: 20, payload: 8_000)
    defer { block.deallocate() }
    #expect(!Self.load(block, headers: Array(headers.dropLast()), payload: payload))
    #expect(!Self.load(block, headers: headers, payload: Array(payload.dropLast())))
    #expect(!Self.load(block, headers: headers + headers + headers, payload: payload))
    let long = [UInt8](repeating: 0, count: 8_001)
    #expect(!Self.load(block, headers: headers, payload: long))
    for field in [32, 36, 40] {
      var damaged = headers
      for byte in 0..<4 { damaged[5 * 64 + field + byte] = 0xFF }
      #expect(!Self.load(block, headers: damaged, payload: payload))
      #expect(block.eventCount == 0)
    }
    let refused = unsafe headers.withUnsafeBytes { headers in
      unsafe block.load(sequence: 1, headers: headers, payloadLength: 10) { _ in false }
    }
    #expect(!refused)
    let negative = unsafe headers.withUnsafeBytes { headers in
      unsafe block.load(sequence: 1, headers: headers, payloadLength: -1) { _ in true }
    }
    #expect(!negative)
    #expect(block.eventCount == 0)
  }

  @Test func `no event and empty sections make an empty block`() {
    let block = Block.allocate(events: 20, payload: 100)
    defer { block.deallocate() }
    #expect(Self.load(block, headers: [], payload: []))
    #expect(block.eventCount == 0 && block.sequence == 77)
  }

  @Test func `extras are found by tag, repeated ones by order, cut ones not at all`() {
    func extra(_ tag: UInt8, _ text: String) -> [UInt8] {
      [tag, UInt8(text.utf8.count & 255), UInt8(text.utf8.count >> 8)] + Array(text.utf8)
    }
    let long = String(repeating: "x", count: 300)
    let extras = extra(ExtraTag.source, "billing") + extra(ExtraTag.subject, long)
      + extra(ExtraTag.channel, "a") + extra(ExtraTag.channel, "b")
    let block = Block.allocate(events: 4, payload: 2_000)
    defer { block.deallocate() }
    for cut in [0, 1] {
      let event = TestEvent(type: [1], id: [2], extras: Array(extras.dropLast(cut)), data: [])
      #expect(event.append(to: block))
    }
    func text(_ index: Int, _ tag: UInt8) -> String? {
      unsafe block.event(index).extra(tag).map { unsafe String(decoding: $0, as: UTF8.self) }
    }
    #expect(text(0, ExtraTag.source) == "billing")
    #expect(text(0, ExtraTag.subject) == long)
    #expect(text(0, ExtraTag.channel) == "a")
    #expect(text(0, ExtraTag.contentType) == nil)
    #expect(text(1, ExtraTag.channel) == "a")
    #expect(text(1, ExtraTag.contentType) == nil)
  }

  @Test func `an event that reaches past its block stops the process`() async {
    await #expect(processExitsWith: .failure) {
      let event = TestEvent(type: [1], id: [2], extras: [], data: [3])
      unsafe [UInt8](repeating: 0, count: 2).withUnsafeBytes {
        _ = unsafe EventView(header: event.header, payload: $0)
      }
    }
  }
}
