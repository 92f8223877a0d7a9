import Base
import Delivery
import Testing
import Wire

// Goal: the schedule of the contract, the later of schedule and header, and a ceiling.
struct RetryPolicyTests {
  private static let standard: [UInt64] = [
    5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 36_000_000,
  ]

  private func decide(
    _ attempt: UInt16, status: Int = 500, _ retryAfter: RetryAfter = .none,
    delays: [UInt64] = standard, seed: UInt64 = 1
  ) -> RetryPolicy.Decision {
    var random = SeededRandom(seed: seed)
    return RetryPolicy.decide(
      delaysMilliseconds: delays, attempt: attempt, status: status, retryAfter: retryAfter,
      unixSeconds: 1_000_000, random: &random)
  }

  private func delay(_ decision: RetryPolicy.Decision) throws -> UInt64 {
    guard case .retry(let delay) = decision else {
      Issue.record("dead")
      return 0
    }
    return delay
  }

  @Test(arguments: 1...7)
  func `each delay is the schedule's, give or take a fifth`(_ n: Int) throws {
    let planned = Double(Self.standard[n - 1])
    var delays: Set<UInt64> = []
    for seed in 0..<50 as Range<UInt64> {
      let delay = try delay(decide(UInt16(n), seed: seed))
      #expect(Double(delay) >= planned * 0.8 && Double(delay) <= planned * 1.2)
      delays.insert(delay)
    }
    #expect(delays.count > 10)
  }

  @Test func `after the last delay it is dead`() {
    #expect(decide(8) == .dead)
    #expect(decide(9) == .dead)
    #expect(decide(1, delays: []) == .dead)
    #expect(decide(0) == .dead)
  }

  @Test(arguments: [429, 503]) func `a longer Retry-After wins`(_ status: Int) throws {
    #expect(try delay(decide(1, status: status, .seconds(100))) == 100_000)
    #expect(try delay(decide(1, status: status, .date(1_000_060))) == 60_000)
  }

  @Test func `a shorter one, a past date and nonsense leave the schedule`() throws {
    for header in [RetryAfter.none, .seconds(0), .seconds(1), .date(0), .date(999_999)] {
      let delay = try delay(decide(1, status: 429, header))
      #expect(delay >= 4_000 && delay <= 6_000)
    }
  }

  @Test func `the ceiling is a day, for numbers and dates without end`() throws {
    for header in [RetryAfter.seconds(.max), .seconds(86_401), .date(.max)] {
      #expect(try delay(decide(1, status: 503, header)) == 86_400_000)
    }
  }

  @Test func `the header counts on no other status`() throws {
    for status in [500, 404, 301, 0] {
      #expect(try delay(decide(1, status: status, .seconds(100))) <= 6_000)
    }
  }
}
