// Goal: the window finds what was published, forgets what wrapped, and its watermarks are minima.
// Method: single steps over a small arena; wrap-around by whole spans.
internal import Base
internal import Flow
internal import Testing

@Suite struct LogWindowTests {
  static func window(reactors: Int = 1, through: UInt64 = 0) -> LogWindow {
    LogWindow(
      arena: BlockArena(ordinary: 2, large: 0), audiences: AudienceTable(),
      reactorCount: reactors, through: through)
  }

  @Test func `a new window knows nothing but where the log ends`() {
    let window = Self.window(through: 500)
    #expect(window.committedThrough == 500)
    #expect(window.walkedThrough == 500)
    for sequence in [1, 499, 500, 501, UInt64(LogWindow.span), UInt64(LogWindow.span) + 500] {
      #expect(window.place(of: sequence) == .gone)
      #expect(window.pin(sequence: sequence) == nil)
    }
  }

  @Test func `a published block is found and pinned, one without events is told`() {
    let window = Self.window()
    guard let ref = window.arena.take(large: false) else { return #expect(Bool(false)) }
    window.arena[ref].sequence = 1
    window.publish(sequence: 1, ref: ref)
    window.publish(sequence: 2, ref: nil)
    window.commit(through: 2)
    #expect(window.committedThrough == 2)
    #expect(window.place(of: 1) == .block(ref))
    #expect(window.place(of: 2) == .noEvents)
    #expect(window.pin(sequence: 1) == ref)
    #expect(window.pin(sequence: 2) == nil)
    window.arena.unpin(ref)
    #expect(window.arena.evict(ref))
    #expect(window.pin(sequence: 1) == nil)
  }

  @Test func `a slot filled again is not found under its old sequence`() {
    let window = Self.window()
    guard let old = window.arena.take(large: false) else { return #expect(Bool(false)) }
    window.arena[old].sequence = 1
    window.publish(sequence: 1, ref: old)
    #expect(window.arena.evict(old))
    guard let new = window.arena.take(large: false) else { return #expect(Bool(false)) }
    window.arena[new].sequence = 2
    window.publish(sequence: 2, ref: new)
    window.commit(through: 2)
    #expect(window.pin(sequence: 1) == nil)
    #expect(window.pin(sequence: 2) == new)
  }

  @Test func `after a whole span the old sequence is gone`() {
    let window = Self.window()
    let span = UInt64(LogWindow.span)
    for sequence in 1...(span + 3) { window.publish(sequence: sequence, ref: nil) }
    for sequence in 1...3 as ClosedRange<UInt64> { #expect(window.place(of: sequence) == .gone) }
    for sequence in [4, span, span + 3] { #expect(window.place(of: sequence) == .noEvents) }
    #expect(window.place(of: span + 4) == .gone)
  }

  @Test func `walked through is the least of all reactors and never above the commit`() {
    let window = Self.window(reactors: 3, through: 10)
    window.commit(through: 20)
    #expect(window.walkedThrough == 10)
    window.setWalked(reactor: 0, through: 20)
    window.setWalked(reactor: 1, through: 15)
    #expect(window.walkedThrough == 10)
    window.setWalked(reactor: 2, through: 18)
    #expect(window.walkedThrough == 15)
    window.setWalked(reactor: 1, through: 99)
    window.setWalked(reactor: 2, through: 99)
    #expect(window.walkedThrough == 20)
    #expect(Self.window(reactors: 0, through: 7).walkedThrough == 7)
  }

  @Test func `an unknown reactor stops the process`() async {
    await #expect(processExitsWith: .failure) {
      Self.window(reactors: 2).setWalked(reactor: 2, through: 1)
    }
  }
}
