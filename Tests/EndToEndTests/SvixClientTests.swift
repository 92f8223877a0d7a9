// Goal: programs that were written for Svix work against Fanfare by setting the server's URL.
// Method: the official client from PyPI, unmodified, tells one story twice: with a secret of its own,
// and with the one that the broker made and reveals.
import Foundation
import Testing

extension EndToEnd {
  struct SvixClientTests {
    @Test(
      .timeLimit(.minutes(3)),
      arguments: [("own", ""), ("revealed", "api: {reveal-secrets: true}")])
    func `the official client runs a whole story`(mode: String, settings: String) async throws {
      let broker = try await TestBroker.start(settings: settings)
      let result = try await Child.run(
        try Tools.python(),
        ["-c", SvixStory.program, try broker.address(), try broker.token(), mode],
        within: 120)
      #expect(result.status == 0, "\(result.output)\n\(result.talk)\n\(broker.log)")
      #expect(result.lines.last?.hasPrefix("the end") == true)
    }
  }
}

extension TestBroker {
  /// The API's URL.
  func address() throws -> String { try read("address") }

  /// The token of the command line.
  func token() throws -> String { try read("token") }

  private func read(_ name: String) throws -> String {
    try String(contentsOfFile: "\(data)/\(name)", encoding: .utf8)
      .trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
