// Goal: what is published is valid JSON of the asked size, and its marker is found again.
// Method: events laid down and read back; corpora of odd files.
import Base
import Bench
import Foundation
import Testing

@Suite struct EventSupplyTests {
  private func command(_ supply: EventSupply, _ marker: Marker) -> String {
    var buffer = ByteBuffer()
    supply.append(marker, to: &buffer)
    return String(decoding: buffer.array, as: UTF8.self)
  }

  private func marker(in text: String) -> Marker? {
    unsafe Array(text.utf8).withUnsafeBytes { unsafe Marker(in: $0) }
  }

  @Test(arguments: [64, 65, 512, 4096])
  func `generated data has exactly the size that was asked for`(size: Int) throws {
    let fanOut = try #require(FanOut(endpoints: 4, fanOut: 2))
    let supply = EventSupply(payloadBytes: size, typePrefix: "bench.t", fanOut: fanOut)
    for number in 0..<70 as Range<UInt64> {
      let sent = Marker(number: number, time: 0x0123_4567_89AB_CDEF)
      let lines = command(supply, sent).components(separatedBy: "\r\n")
      #expect(lines[0] == "*3" && lines[2] == "PUBLISH" && lines[4] == "bench.t.\(number % 2)")
      #expect(lines[5] == "$\(size)" && lines[6].utf8.count == size)
      #expect(try JSONSerialization.jsonObject(with: Data(lines[6].utf8)) is [String: Any])
      #expect(marker(in: lines[6]) == sent)
    }
  }

  @Test func `a marker is found behind what the broker puts before the data`() {
    let text =
      #"{"type":"bench.x.0","timestamp":"2026-11-21T13:00:00Z","data":{"bench":""#
      + #"8000000000000001-00000000000000ff","a":1}}"#
    #expect(marker(in: text) == Marker(number: Marker.warmUpBit | 1, time: 255))
    #expect(marker(in: #"{"bench":"8000000000000001-0000000000"#) == nil)
    #expect(marker(in: #"{"bench":"800000000000000x-00000000000000ff"}"#) == nil)
    #expect(marker(in: #"{"other":"8000000000000001-00000000000000ff"}"#) == nil)
    #expect(marker(in: "") == nil)
  }

  @Test(arguments: [
    (#" { "a" : 1 } "#, #","a" : 1 } "#), ("{ }", "}"), ("[1,2]", #","data":[1,2]}"#),
    ("7", #","data":7}"#),
  ])
  func `any JSON takes a marker as its first member`(given: String, end: String) throws {
    let bytes = try #require(EventSupply.marked(Array(given.utf8)))
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(text.hasSuffix(end), "\(text)")
    #expect(try JSONSerialization.jsonObject(with: Data(bytes)) is [String: Any])
    #expect(marker(in: text) == nil, "it is all zeros and no dash until it is patched")
  }

  @Test func `what is no JSON, or too large, is left out of a corpus`() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let fanOut = try #require(FanOut(endpoints: 1, fanOut: 1))
    try Data("not JSON".utf8).write(to: folder.appending(path: "b"))
    #expect(throws: EventSupply.CorpusError.self) {
      try EventSupply(corpus: folder.path, typePrefix: "t", fanOut: fanOut)
    }
    try Data(#"{"job":1}"#.utf8).write(to: folder.appending(path: "a.json"))
    let large = "[\"" + String(repeating: "x", count: 1 << 20) + "\"]"
    try Data(large.utf8).write(to: folder.appending(path: "c.json"))
    let supply = try EventSupply(corpus: folder.path, typePrefix: "t", fanOut: fanOut)
    #expect(supply.skipped == 2)
    #expect(command(supply, Marker(number: 5, time: 6)).contains(#","job":1}"#))
    #expect(throws: EventSupply.CorpusError.self) {
      try EventSupply(corpus: folder.path + "/none", typePrefix: "t", fanOut: fanOut)
    }
  }
}
