import Glibc
import Platform
import Testing

// Goal: a lock file has one holder, and lets go with it.
// Method: two locks on one file; flock tells open files apart within a process too.
struct FileLockTests {
  @Test func `the second is refused until the first lets go`() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/lock"
    var first: FileLock? = try FileLock(path: path)
    let error = #expect(throws: SystemError.self) { _ = try FileLock(path: path) }
    #expect(error?.isHeldElsewhere == true)
    withExtendedLifetime(first) {}
    first = nil
    _ = try FileLock(path: path)
  }

  @Test func `another failure is not taken for a holder`() {
    let error = #expect(throws: SystemError.self) {
      _ = try FileLock(path: "/nonexistent/directory/lock")
    }
    #expect(error?.code == ENOENT)
    #expect(error?.isHeldElsewhere == false)
  }
}
