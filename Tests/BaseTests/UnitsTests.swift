// Goal: units convert, compare and saturate as their names promise.
// Method: small tables, and the edges of the number range.
internal import Base
internal import Testing

@Suite struct UnitsTests {
  @Test func `nanoseconds convert from and to larger units`() {
    #expect(Nanoseconds.microseconds(3).count == 3_000)
    #expect(Nanoseconds.milliseconds(3).count == 3_000_000)
    #expect(Nanoseconds.seconds(3).count == 3_000_000_000)
    #expect(Nanoseconds(1_999_999).milliseconds == 1)
    #expect(Nanoseconds.milliseconds(1_500).seconds == 1.5)
    #expect(Nanoseconds.zero < .microseconds(1))
    #expect(Nanoseconds(1) + Nanoseconds(2) == Nanoseconds(3))
  }

  @Test func `an instant saturates instead of wrapping`() {
    let instant = Instant(nanoseconds: 10)
    #expect(instant + Nanoseconds(5) == Instant(nanoseconds: 15))
    #expect(instant + Nanoseconds(.max) == .distantFuture)
    #expect(Instant.distantFuture + Nanoseconds(1) == .distantFuture)
    #expect(instant < .distantFuture)
  }

  @Test func `time since a later instant is zero`() {
    let early = Instant(nanoseconds: 10)
    let late = Instant(nanoseconds: 25)
    #expect(late.since(early) == Nanoseconds(15))
    #expect(early.since(late) == .zero)
    #expect(early.since(early) == .zero)
  }

  @Test func `unix milliseconds give whole seconds`() {
    #expect(UnixMilliseconds(1_999).seconds == 1)
    #expect(UnixMilliseconds(1) < UnixMilliseconds(2))
  }

  @Test func `a broken invariant stops the process`() async {
    require(true, "never seen")
    await #expect(processExitsWith: .failure) { require(false, "seen") }
  }
}
