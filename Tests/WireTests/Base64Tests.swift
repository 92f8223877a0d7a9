// Goal: base64 is what others write and read.
// Method: the vectors of RFC 4648, published secrets, every length.
import Base
import Testing
import Wire

@Suite struct Base64Tests {
  @Test(arguments: [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
    ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ("Many hands make light work.", "TWFueSBoYW5kcyBtYWtlIGxpZ2h0IHdvcmsu"),
  ]) func `the vectors of RFC 4648 hold both ways`(plain: String, encoded: String) {
    #expect(Base64.encode(Array(plain.utf8)) == encoded)
    #expect(Base64.decode(encoded) == Array(plain.utf8))
  }

  @Test func `every length and every byte comes back`() {
    for count in 0...80 {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ count &* 11) }
      #expect(Base64.decode(Base64.encode(bytes)) == bytes)
      #expect(Base64.encode(bytes).utf8.count == Base64.encodedCount(count))
    }
    #expect(Base64.encode([0xFB, 0xFF, 0xBF]) == "+/+/")
  }

  @Test func `the key of a published secret has 24 bytes`() {
    #expect(Base64.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?.count == 24)
    #expect(Base64.decode("plJ3nmyCDGBKInavdOK15jsl")?.count == 18)
  }

  @Test(arguments: [
    "A", "AA", "AAA", "A===", "====", "AA=A", "AB==", "AAB=", "A A=", "AA-_", "AAAA\n",
  ])
  func `anything else is refused`(text: String) {
    #expect(Base64.decode(text) == nil)
  }

  @Test func `bytes are appended after what a buffer holds`() {
    var buffer = ByteBuffer(capacity: 16)
    buffer.append("v1,")
    unsafe lend([UInt8](repeating: 0, count: 32)) { unsafe Base64.append($0, to: &buffer) }
    #expect(text(buffer) == "v1," + String(repeating: "A", count: 43) + "=")
  }
}
