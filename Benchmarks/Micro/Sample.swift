internal import Base
internal import Flow

/// What the mechanisms work on: an event of 512 bytes of JSON, as it stands in a block.
enum Sample {
  static let type = Array("job.completed".utf8)
  static let id = Array("msg_2ZJb1qYcJ4m7m1vQk0F6T3yXw9a".utf8)
  static let data = json(bytes: 512)

  /// An object of numbers, short texts and one text that fills it up.
  static func json(bytes: Int) -> [UInt8] {
    var text = #"{"job":184467,"queue":"render","state":"completed","attempt":1,"worker":"w-17","#
    text += #""times":{"queued":1732190400.125,"started":1732190401.5,"ended":1732190442.75},"#
    text += #""tags":["nightly","gpu",null,true],"note":""#
    var random = SeededRandom(seed: 7)
    while text.utf8.count < bytes - 2 {
      text.unicodeScalars.append(Unicode.Scalar(UInt8(ascii: "a") + UInt8(random.next() % 26)))
    }
    return Array((text + #""}"#).utf8)
  }

  /// Appends the event to a block that has room.
  static func append(to block: Block, ordinal: Int) {
    let place = unsafe block.nextPayload(type.count + id.count + data.count)
    var offset = 0
    for part in [type, id, data] {
      unsafe part.withUnsafeBytes { part in
        unsafe UnsafeMutableRawBufferPointer(rebasing: place[offset...]).copyMemory(from: part)
      }
      offset += part.count
    }
    block.append(
      EventHeader(
        time: UnixMilliseconds(1_732_190_400_000), idHash: UInt64(ordinal), typeHash: 1,
        contentHash: 7, payloadOffset: 0, dataLength: UInt32(data.count), extrasLength: 0,
        audience: .empty, application: ApplicationNumber(1), typeLength: UInt8(type.count),
        idLength: UInt8(id.count), kind: .json, flags: 0))
  }

  /// A block of its own memory with so many events.
  static func block(events: Int) -> Block {
    let block = Block.allocate(events: BlockLimits.events, payload: BlockLimits.payloadBytes)
    for ordinal in 0..<events { append(to: block, ordinal: ordinal) }
    return block
  }

  /// The value, of which the compiler knows nothing.
  @inline(never)
  static func opaque<T>(_ value: T) -> T { value }
}
