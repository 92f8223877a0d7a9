// Goal: UTF-8 is told from other bytes.
// Method: the borders of each length at every alignment; random bytes against the standard library.
import Base
import Testing
import Wire

@Suite struct UTF8CheckTests {
  private func isValid(_ bytes: [UInt8]) -> Bool {
    unsafe lend(bytes) { unsafe UTF8Check.isValid($0) }
  }

  @Test(
    arguments: [
      [], [0x00], [0x7F], [0xC2, 0x80], [0xDF, 0xBF], [0xE0, 0xA0, 0x80], [0xED, 0x9F, 0xBF],
      [0xEE, 0x80, 0x80], [0xEF, 0xBF, 0xBF], [0xF0, 0x90, 0x80, 0x80], [0xF4, 0x8F, 0xBF, 0xBF],
    ] as [[UInt8]]) func `the borders of each length pass at every alignment`(bytes: [UInt8])
  {
    for padding in 0...33 {
      let plain = [UInt8](repeating: 0x61, count: padding)
      #expect(isValid(plain + bytes + plain))
    }
  }

  @Test(
    arguments: [
      [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xC2, 0x7F], [0xC2, 0xC0],
      [0xE0, 0x9F, 0xBF], [0xE1, 0x80], [0xED, 0xA0, 0x80], [0xEF, 0xBF, 0x7F],
      [0xF0, 0x8F, 0xBF, 0xBF], [0xF1, 0x80, 0x80], [0xF4, 0x90, 0x80, 0x80],
      [0xF5, 0x80, 0x80, 0x80],
      [0xFE], [0xFF],
    ] as [[UInt8]]) func `what is malformed is refused at every alignment`(bytes: [UInt8])
  {
    for padding in 0...33 {
      let plain = [UInt8](repeating: 0x61, count: padding)
      #expect(!isValid(plain + bytes))
      #expect(!isValid(plain + bytes + plain + [0x61]))
    }
  }

  @Test func `random bytes are judged as the standard library judges them`() {
    var random = SeededRandom(seed: 7)
    for _ in 0..<20_000 {
      let count = Int(random.below(6))
      let bytes = (0..<count).map { _ in UInt8(random.below(2) * 0x80 + random.below(128)) }
      #expect(isValid(bytes) == (String(validating: bytes, as: UTF8.self) != nil), "\(bytes)")
    }
  }
}
