import Admin
import Base
import HTTPTypes
import Testing

/// Goal: under one key a request is done once, and everybody gets that answer.
/// Method: the keeper alone, with a clock by hand.
struct KeptAnswersTests {
  private let answers = KeptAnswers()
  private let now = UnixMilliseconds(1_800_000_000_000)
  private let answer = KeptAnswer(status: .created, body: [1, 2, 3])

  @Test func `a second request gets the first one's answer`() async {
    #expect(await answers.begin("k", content: [1], now: now) == .first)
    await answers.end("k", answer, now: now)
    #expect(await answers.begin("k", content: [1], now: now) == .kept(answer))
    #expect(await answers.begin("other", content: [1], now: now) == .first)
  }

  @Test func `another request under the same key is a conflict`() async {
    #expect(await answers.begin("k", content: [1], now: now) == .first)
    #expect(await answers.begin("k", content: [2], now: now) == .conflict)
    await answers.end("k", answer, now: now)
    #expect(await answers.begin("k", content: [2], now: now) == .conflict)
  }

  @Test func `one that comes meanwhile waits`() async {
    #expect(await answers.begin("k", content: [1], now: now) == .first)
    async let second = answers.begin("k", content: [1], now: now)
    await Task.yield()
    await answers.end("k", answer, now: now)
    #expect(await second == .kept(answer))
  }

  @Test func `what failed may be tried again`() async {
    #expect(await answers.begin("k", content: [1], now: now) == .first)
    async let second = answers.begin("k", content: [1], now: now)
    await Task.yield()
    await answers.end("k", nil, now: now)
    #expect(await second == .first)
  }

  @Test func `answers go with age, and the oldest when there are many`() async {
    #expect(await answers.begin("old", content: [1], now: now) == .first)
    await answers.end("old", answer, now: now)
    let later = UnixMilliseconds(now.value + KeptAnswers.ageMillisecondsMax + 1)
    #expect(await answers.begin("old", content: [1], now: later) == .first)
    await answers.end("old", answer, now: later)
    for number in 0..<KeptAnswers.countMax {
      _ = await answers.begin("k\(number)", content: [], now: later)
      await answers.end("k\(number)", answer, now: later)
    }
    #expect(await answers.begin("old", content: [1], now: later) == .first)
    #expect(await answers.begin("k9999", content: [], now: later) == .kept(answer))
  }
}
