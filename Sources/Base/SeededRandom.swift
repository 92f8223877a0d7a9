/// A small, fast, seedable generator (xoshiro256**): for jitter and simulation, never for secrets.
///
/// > Source: Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2018.
public struct SeededRandom: RandomNumberGenerator, BitwiseCopyable, Sendable {
  @usableFromInline var s0: UInt64
  @usableFromInline var s1: UInt64
  @usableFromInline var s2: UInt64
  @usableFromInline var s3: UInt64

  /// Expands the seed with splitmix64, so that seeds 1, 2, 3 … give unrelated streams.
  public init(seed: UInt64) {
    var state = seed
    func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
    s0 = next()
    s1 = next()
    s2 = next()
    s3 = next()
  }

  /// The next 64 bits.
  @inlinable public mutating func next() -> UInt64 {
    let product = s1 &* 5
    let result = ((product << 7) | (product >> 57)) &* 9
    let t = s1 << 17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= t
    s3 = (s3 << 45) | (s3 >> 19)
    return result
  }

  /// A number below `bound`, with a bias below 2⁻³² for bounds that fit 32 bits.
  /// - Precondition: `bound` is not 0.
  @inlinable public mutating func below(_ bound: UInt64) -> UInt64 {
    require(bound > 0, "a random number below zero was asked for")
    return next().multipliedFullWidth(by: bound).high
  }

  /// True once in `n` times on average.
  @inlinable public mutating func oneIn(_ n: UInt64) -> Bool { below(n) == 0 }

  /// A fraction in 0..<1.
  @inlinable public mutating func fraction() -> Double {
    Double(next() >> 11) * 0x1p-53
  }
}
