// Goal: what is wrong in a configuration file is named by line, column and key, in one line each.
// Method: broken files, compared word for word.
import Broker
import Foundation
import Testing

struct ConfigProblemsTests {
  private func problems(_ text: String) throws -> [String] {
    let folder = FileManager.default.temporaryDirectory
    let path = folder.appendingPathComponent("fanfare-\(UUID().uuidString).yaml").path
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: path) }
    var loader = SettingsLoader()
    loader.file = path
    return loader.check().map { $0.description.replacing(path, with: "f") }
  }

  @Test func `a key that is there twice is named with both lines`() throws {
    let found = try problems("data: /x\ndrain-timeout: 5s\nreactors: 1\ndrain-timeout: 6s\n")
    #expect(found == ["f:4:1: drain-timeout: is there twice; first in line 2"])
  }

  @Test func `broken YAML is one line with its place`() throws {
    let found = try problems("data: /x\n  foo: bar\n")
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix("f:2:") == true)
    #expect(found.first?.contains("\n") == false)
  }

  @Test func `a list entry that is no CIDR is named`() throws {
    let found = try problems("allow:\n  - 10.0.0.0/8\n  - nonsense\n")
    #expect(
      found == [
        "f:3:5: allow: 'nonsense' is no CIDR such as 10.0.0.0/8, fd00::/8 or 127.0.0.1"
      ])
  }

  @Test func `a public URL must be one`() throws {
    #expect(try problems("public-url: https://hooks.example.com\n").isEmpty)
    #expect(try problems("public-url: example\n").count == 1)
  }

  @Test func `a misspelt variable is mentioned, one of somebody else is not`() {
    var loader = SettingsLoader()
    loader.environment = [
      "FANFARE_REACTROS": "1", "FANFARE_DATA": "/x", "FANFARE_TOKEN": "t",
      "FANFARE_SERVICE_PORT_HTTP": "80", "REACTROS": "1",
    ]
    #expect(
      loader.misspelt() == [
        SettingsError(
          place: "FANFARE_REACTROS", problem: "no such setting; did you mean 'FANFARE_REACTORS'?")
      ])
    #expect(loader.check().isEmpty)
  }
}
