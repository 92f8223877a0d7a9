import Glibc
import Ingest
import Platform
import Testing

// Goal: a stale socket is replaced; a live one, a file and a link are left alone.
// Method: real paths in a directory of the test's own.
@Suite struct SocketFileTests {
  private func withDirectory(_ body: (String) throws -> Void) rethrows {
    var template = Array("/tmp/fanfare-socket-XXXXXX\0".utf8.map { CChar($0) })
    let directory = unsafe String(cString: mkdtemp(&template))
    defer {
      for name in ["s", "t"] { _ = unsafe unlink(directory + "/" + name) }
      _ = unsafe rmdir(directory)
    }
    try body(directory)
  }

  private func mode(_ path: String) -> mode_t {
    var status = stat()
    return unsafe lstat(path, &status) == 0 ? status.st_mode : 0
  }

  @Test func `a stale socket is replaced, mode 0660`() throws {
    try withDirectory { directory in
      let path = directory + "/s"
      let network = Network()
      network.close(try SocketFile.listen(path: path, network: network))
      #expect(mode(path) & S_IFMT == S_IFSOCK)
      let again = try SocketFile.listen(path: path, network: network)
      #expect(mode(path) & 0o777 == 0o660)
      SocketFile.remove(path: path)
      #expect(mode(path) == 0)
      network.close(again)
    }
  }

  @Test func `a live socket is refused and stays`() throws {
    try withDirectory { directory in
      let path = directory + "/s"
      let network = Network()
      let live = try SocketFile.listen(path: path, network: network)
      #expect(throws: SocketFileError.inUse(path: path)) {
        try SocketFile.listen(path: path, network: network)
      }
      #expect(mode(path) & S_IFMT == S_IFSOCK)
      network.close(live)
    }
  }

  @Test func `a regular file and a link are refused and stay`() throws {
    try withDirectory { directory in
      let path = directory + "/s"
      let network = Network()
      let stale = try SocketFile.listen(path: directory + "/t", network: network)
      network.close(stale)
      #expect(unsafe symlink(directory + "/t", path) == 0)
      #expect(throws: SocketFileError.notASocket(path: path)) {
        try SocketFile.listen(path: path, network: network)
      }
      #expect(mode(path) & S_IFMT == S_IFLNK)
      _ = unsafe unlink(path)
      let file = unsafe fopen(path, "w")
      if let file = unsafe file { unsafe fclose(file) }
      #expect(throws: SocketFileError.notASocket(path: path)) {
        try SocketFile.listen(path: path, network: network)
      }
      #expect(mode(path) & S_IFMT == S_IFREG)
    }
  }

  @Test func `an unknown group and a long path are told`() {
    withDirectory { directory in
      let network = Network()
      #expect(throws: SocketFileError.unknownGroup("no-such-group-here")) {
        try SocketFile.listen(
          path: directory + "/s", group: "no-such-group-here", network: network)
      }
      #expect(mode(directory + "/s") == 0)
      #expect(throws: SocketFileError.self) {
        try SocketFile.listen(
          path: directory + "/" + String(repeating: "x", count: 120), network: network)
      }
    }
  }
}
