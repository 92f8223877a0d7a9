// Goal: a setting has one meaning from flag, environment and file, and a wrong one is named with its place.
// Method: load from each source and from all at once; compare problems word for word.
import Base
import Broker
import Foundation
import Storage
import Testing

struct SettingsLoaderTests {
  private func file(_ text: String) throws -> String {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("fanfare-\(UUID().uuidString).yaml").path
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  @Test func `flags win over environment over file over defaults`() throws {
    var loader = SettingsLoader()
    #expect(try loader.load().durability == .fsync)
    loader.file = try file("durability: os\nreactors: 3\ndrain-timeout: 5s\n")
    loader.environment = ["FANFARE_REACTORS": "4", "FANFARE_DRAIN_TIMEOUT": "6s", "HOME": "/"]
    loader.flags = [("drain-timeout", "7s")]
    let settings = try loader.load()
    #expect(settings.durability == .os)
    #expect(settings.reactors == 4)
    #expect(settings.drainTimeout == .seconds(7))
  }

  @Test func `an unknown key is named with line, column and suggestion`() throws {
    var loader = SettingsLoader()
    let path = try file("data: /tmp/x\njournal:\n  retentoin: 7d\n")
    loader.file = path
    let problems = loader.check()
    #expect(problems.count == 1)
    #expect(problems.first?.place == "\(path):3:3: journal.retentoin")
    #expect(problems.first?.problem == "no such setting; did you mean 'journal.retention'?")
  }

  @Test(arguments: [
    ("reactors", "0", "'0' is no whole number from 1 to 64"),
    ("reactors", "many", "'many' is no whole number from 1 to 64"),
    ("durability", "maybe", "'maybe' is neither 'fsync' nor 'os'"),
    ("drain-timeout", "soon", "'soon' is no duration such as 20s, 5m, 2h or 7d"),
    ("journal.max-bytes", "big", "'big' is no size such as 64MiB or 10GB"),
    ("listen", "8071", "'8071' is not HOST:PORT, such as 127.0.0.1:8071 or [::1]:8071"),
    ("dev", "perhaps", "'perhaps' is neither true nor false"),
  ])
  func `a value out of range is refused with what is allowed`(
    name: String, value: String, problem: String
  ) {
    var loader = SettingsLoader()
    loader.flags = [(name, value)]
    #expect(loader.check() == [SettingsError(place: "--\(name)", problem: problem)])
  }

  @Test func `every problem is told, not only the first`() throws {
    var loader = SettingsLoader()
    loader.file = try file("reactors: x\nlog-format: xml\n")
    loader.environment = ["FANFARE_DURABILITY": "y"]
    #expect(loader.check().count == 3)
  }

  @Test func `a listener beyond loopback needs TLS or plain-http`() {
    var loader = SettingsLoader()
    loader.flags = [("listen", "0.0.0.0:8071")]
    #expect(loader.check().first?.place == "--listen")
    loader.flags.append(("plain-http", "true"))
    #expect(loader.check().isEmpty)
  }

  @Test func `a list from a higher source replaces the lower one`() throws {
    var loader = SettingsLoader()
    loader.file = try file("allow: [10.0.0.0/8, 192.168.0.0/16]\n")
    #expect(try loader.load().allow == ["10.0.0.0/8", "192.168.0.0/16"])
    loader.flags = [("allow", "172.16.0.0/12"), ("allow", "127.0.0.0/8, ::1/128")]
    #expect(try loader.load().allow == ["172.16.0.0/12", "127.0.0.0/8", "::1/128"])
  }

  @Test func `a file that is no YAML or is absent is a problem with its path`() throws {
    var loader = SettingsLoader()
    loader.file = try file("data: [unclosed\n")
    #expect(loader.check().count == 1)
    loader.file = "/nonexistent/fanfare.yaml"
    #expect(loader.check().first?.place == "/nonexistent/fanfare.yaml")
  }
}
