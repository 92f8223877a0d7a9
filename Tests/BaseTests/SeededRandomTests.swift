// Goal: the generator repeats from its seed, keeps its bounds and looks uniform.
// Method: the published first values of splitmix64 and xoshiro256**; counts in buckets.
internal import Base
internal import Testing

@Suite struct SeededRandomTests {
  /// xoshiro256** over splitmix64, written a second time from the papers.
  static func reference(seed: UInt64, count: Int) -> [UInt64] {
    var state = seed
    var words: [UInt64] = []
    for _ in 0..<4 {
      state = state &+ 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      words.append(z ^ (z >> 31))
    }
    func rotated(_ x: UInt64, _ k: UInt64) -> UInt64 { (x << k) | (x >> (64 - k)) }
    return (0..<count).map { _ in
      let result = rotated(words[1] &* 5, 7) &* 9
      let t = words[1] << 17
      words[2] ^= words[0]
      words[3] ^= words[1]
      words[1] ^= words[2]
      words[0] ^= words[3]
      words[2] ^= t
      words[3] = rotated(words[3], 45)
      return result
    }
  }

  @Test func `splitmix64 expands seed 0 to its published first value`() {
    // The first output of splitmix64(0), which becomes the generator's first word.
    var z: UInt64 = 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    #expect(z ^ (z >> 31) == 0xE220_A839_7B1D_CDAF)
  }

  @Test(arguments: [0, 1, 42, .max] as [UInt64])
  func `the stream is xoshiro256** and repeats`(seed: UInt64) {
    var one = SeededRandom(seed: seed)
    var two = SeededRandom(seed: seed)
    let values = (0..<100).map { _ in one.next() }
    #expect(values == (0..<100).map { _ in two.next() })
    #expect(values == Self.reference(seed: seed, count: 100))
  }

  @Test func `neighbouring seeds give unrelated streams`() {
    var one = SeededRandom(seed: 1)
    var two = SeededRandom(seed: 2)
    let bits = (0..<1_000).reduce(0) { sum, _ in sum + (one.next() ^ two.next()).nonzeroBitCount }
    #expect(abs(Double(bits) / 1_000 - 32) < 1)
  }

  @Test func `numbers below a bound are uniform and below it`() {
    var random = SeededRandom(seed: 3)
    var counts = [Int](repeating: 0, count: 7)
    for _ in 0..<70_000 { counts[Int(random.below(7))] += 1 }
    for count in counts { #expect(abs(count - 10_000) < 500) }
    for _ in 0..<100 { #expect(random.below(1) == 0) }
  }

  @Test func `fractions lie in 0 up to 1`() {
    var random = SeededRandom(seed: 4)
    var sum = 0.0
    for _ in 0..<10_000 {
      let fraction = random.fraction()
      #expect(fraction >= 0 && fraction < 1)
      sum += fraction
    }
    #expect(abs(sum / 10_000 - 0.5) < 0.02)
  }
}
