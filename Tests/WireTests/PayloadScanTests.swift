// Goal: each payload is JSON, text or binary, and never taken for more than it is.
// Method: a table, and random bytes against the two checks made apart.
import Base
import Flow
import Testing
import Wire

@Suite struct PayloadScanTests {
  private func kind(_ bytes: [UInt8]) -> PayloadKind {
    unsafe lend(bytes) { unsafe PayloadScan.kind(of: $0) }
  }

  @Test func `each kind is known`() {
    #expect(kind(Array("{\"a\":[1]}".utf8)) == .json)
    #expect(kind(Array("\"gr\u{FC}n\"".utf8)) == .json)
    #expect(kind([]) == .text)
    #expect(kind(Array("hello gr\u{FC}n".utf8)) == .text)
    #expect(kind(Array("[1,2".utf8)) == .text)
    #expect(kind(Array("{\"a\":\"".utf8) + [0xC3]) == .binary)
    #expect(kind(Array("{\"a\":1} ".utf8) + [0xFF]) == .binary)
    #expect(kind([0xFF, 0xFE]) == .binary)
  }

  @Test func `one pass finds what two would`() {
    var random = SeededRandom(seed: 11)
    let alphabet: [UInt8] = [0x22, 0x61, 0xC3, 0xA9, 0x5B, 0x5D, 0x31, 0x2C, 0x5C, 0x6E]
    for _ in 0..<20_000 {
      let bytes = (0..<Int(random.below(12))).map { _ in alphabet[Int(random.below(10))] }
      let found = kind(bytes)
      let isText = String(validating: bytes, as: UTF8.self) != nil
      #expect((found == .binary) == !isText, "\(bytes)")
    }
  }
}
