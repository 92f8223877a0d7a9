// Goal: both forms of a schedule give the waits that the contract names.
// Method: schedules with their waits; broken ones with the reason; many draws of the spread.
import Base
import Testing
import Wire

@Suite struct RetryScheduleTests {
  private func refusal(_ text: String) -> RetryScheduleError? {
    do {
      _ = try RetrySchedule(parsing: text)
      return nil
    } catch { return error }
  }

  @Test func `the standard schedule is the contract's`() throws {
    let read = try RetrySchedule(parsing: "5s, 5m, 30m, 2h, 5h, 10h, 10h")
    #expect(read.delays == RetrySchedule.standard.delays)
    #expect(try RetrySchedule(parsing: RetrySchedule.standard.text) == .standard)
  }

  @Test func `the exponential form multiplies up to its longest and its sum`() throws {
    let schedule = try RetrySchedule(parsing: "exp:5s,x4,max=10h,for=3d")
    #expect(schedule.delays.prefix(4) == [5000, 20_000, 80_000, 320_000])
    #expect(schedule.delays.dropLast().allSatisfy { $0 <= 36_000_000 })
    #expect(schedule.delays.contains(36_000_000))
    #expect(schedule.delays.reduce(0, +) == 259_200_000)
    #expect(schedule.text == "exp:5s,x4,max=10h,for=3d")
  }

  @Test func `a factor need not be whole and the longest may be left out`() throws {
    #expect(try RetrySchedule(parsing: "exp:1s,x1.5,for=5s").delays == [1000, 1500, 2250, 250])
    #expect(try RetrySchedule(parsing: "exp:1s,x1,for=3s").delays == [1000, 1000, 1000])
  }

  @Test(arguments: [
    ("", RetryScheduleError.empty), ("5s,", .invalidPart("")), ("5s,,5m", .invalidPart("")),
    ("5", .invalidPart("5")), ("5s,soon", .invalidPart("soon")), ("1ms", .outOfRange("1ms")),
    ("31d", .outOfRange("31d")), ("exp:5s,x4", .missing("for=")),
    ("exp:x4,for=1d", .missing("a first delay")),
    ("exp:5s,for=1d", .missing("a factor")), ("exp:5s,x0.5,for=1d", .invalidPart("x0.5")),
    ("exp:5s,xnan,for=1d", .invalidPart("xnan")), ("exp:5s,x4,y=1,for=1d", .invalidPart("y=1")),
    ("exp:100ms,x1,for=30d", .tooMany),
    (String(repeating: "5s,", count: 256) + "5s", .tooMany),
  ]) func `a broken schedule is refused with its reason`(text: String, error: RetryScheduleError) {
    #expect(refusal(text) == error)
    #expect(!error.text.isEmpty)
  }

  @Test func `delays spread by a fifth to both sides and end with the schedule`() throws {
    var random = SeededRandom(seed: 1)
    let schedule = try RetrySchedule(parsing: "5s,100ms")
    var shortest = UInt64.max
    var longest: UInt64 = 0
    for _ in 0..<10_000 {
      let delay = try #require(schedule.delay(attempt: 1, random: &random))
      shortest = min(shortest, delay)
      longest = max(longest, delay)
    }
    #expect((4000...4010).contains(shortest))
    #expect((5990...6000).contains(longest))
    #expect(schedule.delay(attempt: 2, random: &random) != nil)
    #expect(schedule.delay(attempt: 3, random: &random) == nil)
    #expect(schedule.delay(attempt: 0, random: &random) == nil)
  }
}
