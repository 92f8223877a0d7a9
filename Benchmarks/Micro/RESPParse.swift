internal import Base
internal import Wire

extension MicroCase {
  /// `PUBLISH type data` as redis clients send it, found in the bytes that a read brought.
  static func respParse() -> MicroCase {
    var frame: [UInt8] = Array("*3\r\n$7\r\nPUBLISH\r\n".utf8)
    for argument in [Sample.type, Sample.data] {
      frame += Array("$\(argument.count)\r\n".utf8) + argument + [13, 10]
    }
    let bytes = Array(repeatElement(frame, count: 64).joined())
    var parser = RESPParser(payloadMax: 1 << 20, commandBytesMax: 2 << 20)
    return MicroCase(name: "resp", event: "a PUBLISH of 512 B parsed") { events in
      var sum: UInt64 = 0
      unsafe bytes.withUnsafeBytes { bytes in
        var left = events
        while left > 0 {
          var rest = unsafe bytes
          for _ in 0..<min(left, 64) {
            guard case .command(let consumed, let count) = unsafe parser.parse(rest) else {
              invariantBroken("a command was not understood")
            }
            sum &+= UInt64(consumed + count)
            unsafe rest = UnsafeRawBufferPointer(rebasing: rest[consumed...])
          }
          left -= min(left, 64)
        }
      }
      return sum
    }
  }
}
