// Goal: `sign` and `verify` agree with Standard Webhooks and with its official package.
// Method: a known answer, then each side judged by the other.
import Foundation
import Testing

extension EndToEnd {
  struct SignatureCommandTests {
    private static let secret = "whsec_plJ3nmyCDGBKInavdOK15jsl"
    private static let body = #"{"event_type":"ping","data":{"success":true}}"#
    private static let known = "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="

    private func fanfare(_ words: String..., input: String? = nil) async throws -> Child.Result {
      try await Child.run(try Tools.fanfare(), words, input: input)
    }

    @Test(.timeLimit(.minutes(1)))
    func `the known answer is given and taken`() async throws {
      let signed = try await fanfare(
        "sign", "--secret", Self.secret, "--id", "msg_loFOjxBNrRLzqYUf", "--timestamp",
        "1731705121", Self.body)
      #expect(signed.lines.contains("webhook-signature: \(Self.known)"))
      func verify(_ body: String, _ tolerance: String) async throws -> Child.Result {
        try await fanfare(
          "verify", "--secret", Self.secret, "--id", "msg_loFOjxBNrRLzqYUf", "--timestamp",
          "1731705121", "--signature", Self.known, "--tolerance", tolerance, "-", input: body)
      }
      #expect(try await verify(Self.body, "0").status == 0)
      #expect(try await verify(Self.body + " ", "0").status == 1)
      let old = try await verify(Self.body, "5m")
      #expect(old.status == 1)
      #expect(old.talk.contains("old"))
    }

    @Test(.timeLimit(.minutes(1)))
    func `the official package accepts what sign makes`() async throws {
      let signed = try await fanfare("sign", "--secret", Self.secret, "--json", Self.body)
      let script = """
        import json, sys
        from standardwebhooks.webhooks import Webhook
        Webhook("\(Self.secret)").verify(sys.argv[2], json.loads(sys.argv[1]))
        """
      let result = try await Child.run(
        try Tools.python(), ["-c", script, signed.text, Self.body])
      #expect(result.status == 0, "\(result.talk)")
    }

    @Test(.timeLimit(.minutes(1)))
    func `a secret may come from a file, and nonsense is never repeated`() async throws {
      let folder = try TemporaryFolder()
      let file = try folder.write(Self.secret + "\n", to: "secret")
      #expect(try await fanfare("sign", "--secret", "@\(file)", Self.body).status == 0)
      let wrong = try await fanfare("sign", "--secret", "whsec_!secret!", Self.body)
      #expect(wrong.status == 65)
      #expect(!wrong.talk.contains("!secret!"))
    }
  }
}
