// Goal: ids are the ids that other KSUID libraries read, and their order is the order of making.
// Method: vectors of the reference library, and a generator run with a stubborn clock.
import Base
import Testing
import Wire

@Suite struct KSUIDTests {
  @Test func `the vector of the reference library holds both ways`() {
    let id = KSUID(
      unixSeconds: 1_507_608_047, high: 0xB5A1_CD34_B5F9_9D11, low: 0x54FB_6853_345C_9735)
    #expect(id.text == "0ujtsYcgvSTl8PAuAdqWYSMnLOv")
    #expect(KSUID("0ujtsYcgvSTl8PAuAdqWYSMnLOv") == id)
    #expect(id.unixSeconds == 1_507_608_047)
  }

  @Test func `the least and the greatest id are those of the reference library`() {
    #expect(KSUID(unixSeconds: 0, high: 0, low: 0).text == "000000000000000000000000000")
    let greatest = KSUID(unixSeconds: .max, high: .max, low: .max)
    #expect(greatest.text == "aWgEPTl1tmebfsQzFP4bxwgy80V")
    #expect(KSUID("aWgEPTl1tmebfsQzFP4bxwgy80V") == greatest)
  }

  @Test(arguments: [
    "", "0ujtsYcgvSTl8PAuAdqWYSMnLO", "0ujtsYcgvSTl8PAuAdqWYSMnLOvv", "0ujtsYcgvSTl8PAuAdqWYSMnLO-",
    "aWgEPTl1tmebfsQzFP4bxwgy80W", "zzzzzzzzzzzzzzzzzzzzzzzzzzz",
  ]) func `what is no id is refused`(text: String) {
    #expect(KSUID(text) == nil)
  }

  @Test func `ids rise while the clock stands still, steps back and goes on`() {
    var generator = KSUIDGenerator(random: SeededRandom(seed: 3))
    var last = ""
    for step in 0..<30_000 {
      let seconds: UInt64 = 1_800_000_000 + UInt64(step / 10_000) - (step % 7 == 0 ? 5 : 0)
      let text = generator.next(unixSeconds: seconds).text
      guard last < text else {
        Issue.record("\(text) after \(last)")
        return
      }
      last = text
    }
  }

  @Test func `the text goes to a buffer as it is`() {
    var buffer = ByteBuffer()
    buffer.append("msg_")
    let id = KSUID(unixSeconds: 1_800_000_000, high: 1, low: 2)
    id.append(to: &buffer)
    #expect(text(buffer) == "msg_" + id.text)
    #expect(buffer.count == 4 + KSUID.textBytes)
  }
}
