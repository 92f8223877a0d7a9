import Glibc
import TLS
import Testing

/// A directory that goes away with its test.
private final class Folder {
  let path: String

  init() {
    path = "/tmp/fanfare-sealer-\(SecureRandom.word())"
    let made = unsafe mkdir(path, 0o700)
    precondition(made == 0)
  }

  deinit {
    for name in names { _ = unsafe unlink(path + "/" + name) }
    _ = unsafe rmdir(path)
  }

  var names: [String] {
    guard let folder = unsafe opendir(path) else { return [] }
    defer { unsafe closedir(folder) }
    var names: [String] = []
    while let entry = unsafe readdir(folder) {
      let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) {
        unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  func write(_ text: String, to name: String, mode: mode_t) -> String {
    let file = path + "/" + name
    let fd = unsafe open(file, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    let bytes = Array(text.utf8)
    _ = unsafe Glibc.write(fd, bytes, bytes.count)
    close(fd)
    _ = unsafe chmod(file, mode)
    return file
  }

  func mode(_ name: String) -> mode_t {
    var status = stat()
    let done = unsafe stat(path + "/" + name, &status)
    precondition(done == 0)
    return status.st_mode & 0o777
  }
}

// Goal: what is sealed opens only unchanged, in its place and with its key; keys stay private.
// Method: every byte of a sealed secret changed in turn; key files of every wrong kind.
@Suite struct SealerTests {
  private let sealer = Sealer(key: [UInt8](repeating: 7, count: 32))
  private let plain = Array("whsec_secret".utf8)
  private let place = Array("ep_1".utf8)

  @Test(arguments: [0, 1, 12, 16, 17, 5_000])
  func `what was sealed opens again`(count: Int) throws {
    let plain = SecureRandom.bytes(count)
    let sealed = sealer.seal(plain, context: place)
    #expect(sealed.count == count + Sealer.overheadCount)
    #expect(try sealer.open(sealed, context: place) == plain)
    #expect(sealer.seal(plain, context: place) != sealed)
  }

  @Test func `the layout is the documented one`() throws {
    // Made by Node's aes-256-gcm: key 0…31, nonce 100…111, authenticated header and context.
    let made: [UInt8] = [
      0x01, 0xb5, 0x86, 0xdb, 0x2f, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d,
      0x6e, 0x6f, 0x3f, 0x73, 0xad, 0x03, 0x1a, 0xb6, 0x25, 0xfb, 0x5d, 0x10, 0x3a, 0x9c, 0xaa,
      0xc4, 0x50, 0x77, 0xc4, 0xfc, 0x9a, 0xe6, 0x47, 0xed, 0xf0, 0x95, 0x76, 0xbb, 0xdc, 0x3d,
    ]
    let counting = Sealer(key: Array(0...31))
    #expect(counting.keyID == "b586db2f")
    #expect(try counting.open(made, context: place) == plain)
  }

  @Test func `a change of any byte is noticed`() {
    let sealed = sealer.seal(plain, context: place)
    for index in 5..<sealed.count {
      var changed = sealed
      changed[index] ^= 1
      #expect(throws: SealerError.tampered) { try sealer.open(changed, context: place) }
    }
    var other = sealed
    other[0] = 2
    #expect(throws: SealerError.notSealed) { try sealer.open(other, context: place) }
    #expect(throws: SealerError.notSealed) {
      try sealer.open(Array(sealed.prefix(32)), context: place)
    }
    #expect(throws: SealerError.tampered) {
      try sealer.open(Array(sealed.dropLast()), context: place)
    }
  }

  @Test func `a secret moved to another place does not open`() {
    let sealed = sealer.seal(plain, context: place)
    #expect(throws: SealerError.tampered) {
      try sealer.open(sealed, context: Array("ep_2".utf8))
    }
  }

  @Test func `a key that is missing is named, with those at hand`() {
    let other = Sealer(key: [UInt8](repeating: 8, count: 32))
    let sealed = other.seal(plain, context: place)
    #expect(
      throws: SealerError.keyUnknown(needed: other.keyID, available: [sealer.keyID])
    ) { try sealer.open(sealed, context: place) }
    #expect(Sealer.keyID(of: sealed) == other.keyID)
    #expect(Sealer.keyID(of: [1, 2, 3]) == nil)
  }

  @Test func `a former key opens and the new one seals`() throws {
    let sealed = sealer.seal(plain, context: place)
    let rotated = Sealer(
      key: [UInt8](repeating: 9, count: 32), formerKeys: [[UInt8](repeating: 7, count: 32)])
    #expect(try rotated.open(sealed, context: place) == plain)
    #expect(Sealer.keyID(of: rotated.seal(plain, context: place)) == rotated.keyID)
    #expect(rotated.keyID != sealer.keyID)
  }

  @Test func `an absent key file is made for its owner alone and used again`() throws {
    let folder = Folder()
    let first = try Sealer(keyFile: folder.path + "/key")
    #expect(folder.names == ["key"])
    #expect(folder.mode("key") == 0o600)
    let second = try Sealer(keyFile: folder.path + "/key")
    #expect(try second.open(first.seal(plain, context: place), context: place) == plain)
  }

  @Test(arguments: [0o640, 0o604, 0o644, 0o660] as [mode_t])
  func `a key file that others may read is refused with the way out`(mode: mode_t) throws {
    let folder = Folder()
    _ = try Sealer(keyFile: folder.path + "/key")
    _ = unsafe chmod(folder.path + "/key", mode)
    let error = try #require(throws: SealerError.self) {
      try Sealer(keyFile: folder.path + "/key")
    }
    #expect(
      error == .keyFileExposed(path: folder.path + "/key", mode: "0" + String(mode, radix: 8)))
    #expect(error.description.hasSuffix("chmod 600 \(folder.path)/key"))
  }

  @Test func `a key file with a former key below opens what that one sealed`() throws {
    let folder = Folder()
    let new = "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk="
    let former = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="
    let path = folder.write("\(new)\r\n\n\(former)\n", to: "key", mode: 0o400)
    let rotated = try Sealer(keyFile: path)
    #expect(try rotated.open(sealer.seal(plain, context: place), context: place) == plain)
    #expect(rotated.keyID == Sealer(key: [UInt8](repeating: 9, count: 32)).keyID)
  }

  @Test func `a key file that holds no keys is refused by line`() throws {
    let folder = Folder()
    let good = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="
    for (text, line) in [("", 1), ("\n\n", 1), ("AAAA\n", 1), (good + "\nnonsense\n", 2)] {
      let path = folder.write(text, to: "key", mode: 0o600)
      #expect(throws: SealerError.keyFileMalformed(path: path, line: line)) {
        try Sealer(keyFile: path)
      }
    }
  }

  @Test func `a key file where none can be is refused with the system's reason`() {
    let folder = Folder()
    #expect(throws: SealerError.keyFile(path: folder.path, reason: "not a regular file")) {
      try Sealer(keyFile: folder.path)
    }
    let absent = folder.path + "/absent/key"
    #expect(throws: SealerError.keyFile(path: absent, reason: "No such file or directory")) {
      try Sealer(keyFile: absent)
    }
  }
}
