// Goal: a program that was started is waited for, stopped and killed, and shares what it is given.
// Method: small programs of the system; memory written by a shell through its descriptor.
import Glibc
import Platform
import Testing

@Suite struct ChildProcessTests {
  private func shell(
    _ script: String, environment: [String] = [], output: Int32? = nil, inherited: [Int32] = []
  ) throws -> ChildProcess {
    try ChildProcess(
      program: "/bin/sh", arguments: ["sh", "-c", script], environment: environment,
      output: output, inherited: inherited)
  }

  private func end(of child: ChildProcess) -> ChildProcess.End? {
    for _ in 0..<2000 {
      if let end = child.end() { return end }
      usleep(5000)
    }
    return nil
  }

  @Test func `how it ended is told, by code and by signal, and again when asked again`() throws {
    let good = try shell("exit 7")
    #expect(end(of: good) == .exit(7))
    #expect(good.end() == .exit(7))
    #expect(end(of: try shell("kill -9 $$")) == .signal(SIGKILL))
    #expect(good.stop(within: 10) == .exit(7), "what has ended is not signalled")
  }

  @Test func `one that does not stop is killed`() throws {
    var ends: [Int32] = [0, 0]
    try #require(unsafe pipe(&ends) == 0)
    let child = try shell("trap '' TERM; echo ready; while :; do sleep 0.05; done", output: ends[1])
    close(ends[1])
    var byte: UInt8 = 0
    #expect(unsafe read(ends[0], &byte, 1) == 1, "its trap is set")
    #expect(child.stop(within: 50) == .signal(SIGKILL))
    close(ends[0])
  }

  @Test func `it has its own group, default signals and the environment that it was given`() throws
  {
    signal(SIGHUP, SIG_IGN)
    defer { signal(SIGHUP, SIG_DFL) }
    #expect(end(of: try shell("kill -HUP $$; exit 3")) == .signal(SIGHUP))
    #expect(end(of: try shell("[ \"$A\" = b ]", environment: ["A=b"])) == .exit(0))
    let child = try shell("sleep 5")
    #expect(getpgid(child.id) == child.id)
    #expect(child.stop(within: 5000) == .signal(SIGTERM))
  }

  @Test func `a program that is not there is an error that names it`() {
    #expect {
      try ChildProcess(program: "/no/such/program", arguments: ["x"], environment: [])
    } throws: { "\($0)".contains("/no/such/program") }
  }

  @Test func `memory is shared through the descriptor that it inherits`() throws {
    let memory = try SharedMemory(name: "test", byteCount: 8192)
    #expect(unsafe memory.bytes.allSatisfy { $0 == 0 })
    let child = try shell("printf abc >&3", inherited: [memory.descriptor])
    #expect(end(of: child) == .exit(0))
    #expect(unsafe Array(memory.bytes[0..<4]) == [0x61, 0x62, 0x63, 0])
    let again = try SharedMemory(descriptor: dup(memory.descriptor), byteCount: 8192)
    unsafe again.bytes[8191] = 9
    #expect(unsafe memory.bytes[8191] == 9)
    #expect(throws: SystemError.self) { try SharedMemory(descriptor: -1, byteCount: 4096) }
  }
}
