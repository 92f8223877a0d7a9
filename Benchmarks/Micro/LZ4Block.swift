internal import Base
internal import Flow
internal import Storage

extension MicroCase {
  /// A block's payload packed as the journal packs it.
  static func lz4Block() -> MicroCase {
    let perBlock = 400
    let block = Sample.block(events: perBlock)
    let buffer = GatherBuffer(capacity: 1 << 20)
    return MicroCase(
      name: "lz4", event: "an event of 512 B packed, \(perBlock) to a block"
    ) { events in
      var sum: UInt64 = 0
      for _ in 0..<(events / perBlock) {
        buffer.removeAll()
        require(
          Packing.pack(unsafe RawView(block.payload), into: buffer), "a block was not packed")
        sum &+= UInt64(buffer.count)
      }
      return sum
    }
  }
}
