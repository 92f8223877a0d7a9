// Goal: every accepted sync ends exactly once, in order, with its errno; the submitter is woken.
// Method: a file that exists, a descriptor that does not, and a submitter that never looks.
internal import Base
internal import Glibc
internal import Platform
internal import Testing

@Suite(.timeLimit(.minutes(1))) struct SyncThreadTests {
  /// Completions until `count` came, or none for two seconds.
  static func completions(_ thread: SyncThread, _ owner: Wakeup, count: Int) -> [SyncCompletion] {
    var all: [SyncCompletion] = []
    var idle = 0
    while all.count < count, idle < 4 {
      owner.prepareToSleep()
      if let one = thread.completion() {
        all.append(one)
        idle = 0
      } else {
        owner.waitBlocking(timeoutMilliseconds: 500)
        idle += 1
      }
      owner.awake()
    }
    return all
  }

  @Test func `syncs end in order of submission, each with its token and errno`() throws {
    let directory = try TemporaryDirectory()
    let disk = RealDisk()
    let file = try disk.open(directory.path + "/a", .create)
    defer { disk.close(file) }
    let owner = Wakeup()
    let thread = SyncThread(disk: disk, submitter: owner)
    for token in 0..<10 as Range<UInt64> {
      let target = token % 3 == 2 ? FileHandle(descriptor: -1) : file
      #expect(thread.submit(target, token: token))
    }
    let all = Self.completions(thread, owner, count: 10)
    #expect(all.map(\.token) == Array(0..<10))
    #expect(all.map(\.code) == (0..<10).map { $0 % 3 == 2 ? EBADF : 0 })
    #expect(thread.completion() == nil)
  }

  @Test func `what was accepted is completed, even if nobody looks for long`() {
    let owner = Wakeup()
    let thread = SyncThread(disk: RealDisk(), submitter: owner)
    var accepted: [UInt64] = []
    var token: UInt64 = 0
    // The requests ring empties while the completions are not taken.
    for _ in 0..<100 {
      if thread.submit(FileHandle(descriptor: -1), token: token) { accepted.append(token) }
      token += 1
      usleep(200)
    }
    #expect(accepted.count >= 16)
    let all = Self.completions(thread, owner, count: accepted.count)
    #expect(all.map(\.token) == accepted)
    #expect(thread.submit(FileHandle(descriptor: -1), token: 999))
  }
}
