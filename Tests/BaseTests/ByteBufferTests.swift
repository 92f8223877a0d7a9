// Goal: a byte buffer gives back exactly what was put in, through moves, growth and emptying.
// Method: an array as the model under random appends, fills, consumes and truncations.
internal import Base
internal import Testing

@Suite struct ByteBufferTests {
  @Test func `decimal digits of every length are right`() {
    var values: [UInt64] = [0, 1, 9, .max, .max - 1]
    var power: UInt64 = 10
    while true {
      values += [power - 1, power, power + 1]
      let (next, overflow) = power.multipliedReportingOverflow(by: 10)
      if overflow { break }
      power = next
    }
    for value in values {
      var buffer = ByteBuffer(capacity: 1)
      buffer.append(UInt8(ascii: "<"))
      buffer.append(decimal: value)
      buffer.append(UInt8(ascii: ">"))
      #expect(String(decoding: buffer.array, as: UTF8.self) == "<\(value)>")
    }
  }

  @Test func `literal and string text is appended as UTF-8`() {
    var buffer = ByteBuffer()
    buffer.append("GET ")
    buffer.append(text: "größe")
    #expect(String(decoding: buffer.array, as: UTF8.self) == "GET größe")
  }

  @Test func `fill lends at least the minimum and keeps what was filled`() {
    var buffer = ByteBuffer(capacity: 16)
    buffer.append(contentsOf: [1, 2, 3])
    let filled = unsafe buffer.fill(minimum: 100) { room in
      #expect(room.count >= 100)
      for index in 0..<50 { unsafe room[index] = UInt8(index) }
      return 50
    }
    #expect(filled == 50)
    #expect(buffer.array == [1, 2, 3] + (0..<50).map { UInt8($0) })
    #expect(unsafe buffer.fill(minimum: 1) { _ in 0 } == 0)
    #expect(unsafe buffer.fill(minimum: 1) { _ in -1 } == -1)
    #expect(buffer.count == 53)
  }

  @Test func `shrink gives memory back only when empty and large`() {
    var buffer = ByteBuffer(capacity: 10_000)
    buffer.append(1)
    buffer.shrink(above: 100)
    #expect(buffer.capacity == 10_000)
    buffer.consume(1)
    buffer.shrink(above: 20_000)
    #expect(buffer.capacity == 10_000)
    buffer.shrink(above: 100)
    #expect(buffer.capacity == 256)
  }

  @Test func `a buffer emptied by truncation and shrunk starts again inside its memory`() {
    var buffer = ByteBuffer(capacity: 4_096)
    buffer.append(contentsOf: [UInt8](repeating: 1, count: 4_000))
    buffer.consume(3_000)
    buffer.truncate(to: 0)
    buffer.shrink(above: 1_000)
    #expect(buffer.capacity == 256)
    _ = unsafe buffer.fill(minimum: 0) { room in
      #expect(room.count == 256)
      return 0
    }
  }

  @Test(arguments: 1...5 as ClosedRange<UInt64>)
  func `random use equals an array`(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var buffer = ByteBuffer(capacity: 1)
    var model: [UInt8] = []
    for _ in 0..<5_000 {
      switch random.below(7) {
      case 0...2:
        let bytes = (0..<random.below(200)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        buffer.append(contentsOf: bytes)
        model += bytes
      case 3:
        let byte = UInt8(truncatingIfNeeded: random.next())
        buffer.append(byte)
        model.append(byte)
      case 4:
        let count = Int(random.below(UInt64(model.count) + 1))
        buffer.consume(count)
        model.removeFirst(count)
      case 5:
        let count = model.count - Int(random.below(UInt64(model.count) + 1)) / 4
        buffer.truncate(to: count)
        model.removeLast(model.count - count)
      default:
        if random.oneIn(20) {
          buffer.removeAll()
          model = []
          buffer.shrink(above: 300)
        }
      }
      #expect(buffer.count == model.count)
      #expect(buffer.isEmpty == model.isEmpty)
    }
    #expect(buffer.array == model)
  }

  @Test func `bytes are changed in place`() {
    var buffer = ByteBuffer()
    buffer.append(contentsOf: [1, 2, 3])
    buffer.consume(1)
    unsafe buffer.withMutableBytes { bytes in
      for index in bytes.indices { unsafe bytes[index] *= 10 }
    }
    #expect(buffer.array == [20, 30])
  }

  @Test func `consuming more than is held stops the process`() async {
    await #expect(processExitsWith: .failure) {
      var buffer = ByteBuffer()
      buffer.append(1)
      buffer.consume(2)
    }
  }

  @Test func `consuming a negative count stops the process`() async {
    await #expect(processExitsWith: .failure) {
      var buffer = ByteBuffer()
      buffer.append(1)
      buffer.consume(-1)
    }
  }
}
