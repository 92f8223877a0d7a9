import Foundation
import Glibc
import Synchronization

/// Secrets that tests give to brokers, and the search for them in what brokers leave behind.
///
/// Each `TestBroker` is searched at its end: its log, its metrics, and every file of its data
/// directory but the two that are there to hold a secret. What is found is a failure of the run:
/// `Ops/test` looks into the file that `FANFARE_TEST_FINDINGS` names. Beside what was planted, the
/// broker's own token and key are looked for, and each secret and token that a command has shown.
enum SecretSearch {
  private static let known = Mutex<Set<String>>([])

  /// A secret that can be told from anything else.
  static func planted(_ kind: String) -> String {
    let secret = "planted-\(kind)-\(UUID().uuidString.lowercased().filter { $0 != "-" })"
    add(secret)
    return secret
  }

  /// The same in the form of a webhook secret.
  static func plantedWebhookSecret() -> String {
    let bytes = (0..<24).map { _ in UInt8.random(in: 0...255) }
    let secret = "whsec_" + Data(bytes).base64EncodedString()
    add(secret)
    return secret
  }

  static func add(_ secret: String) { known.withLock { _ = $0.insert(secret) } }

  /// Takes the secrets and tokens out of what a command has printed.
  static func learn(from output: String) {
    guard output.contains("whsec_") || output.contains("fft_") else { return }
    for match in output.matches(of: /whsec_[A-Za-z0-9+\/]{20,}=*|fft_[0-9a-f]{48}/) {
      add(String(match.0))
    }
  }

  /// How secrets are stored for their owner.
  private static let ownFiles: Set<String> = ["token", "key"]

  /// Looks through what a broker has left.
  ///
  /// - Parameter texts: its log and its metrics, by name.
  /// - Returns: one line for each secret and place, without the secret.
  static func findings(data: String, texts: [String: String]) -> [String] {
    var secrets = known.withLock { $0 }
    for name in ownFiles {
      let text = (try? String(contentsOfFile: "\(data)/\(name)", encoding: .utf8)) ?? ""
      for line in text.split(separator: "\n") { secrets.insert(String(line)) }
    }
    let needles = secrets.flatMap(forms)
    var findings: [String] = []
    func look(_ place: String, _ bytes: Data) {
      let parts = bytes.partsWithoutZeroPages()
      for (what, form) in needles where parts.contains(where: { $0.contains(form) }) {
        findings.append("\(place) holds \(what)")
      }
    }
    for (name, text) in texts { look(name, Data(text.utf8)) }
    let files = FileManager.default.enumerator(atPath: data)?.compactMap { $0 as? String } ?? []
    for file in files where !ownFiles.contains(file) {
      let path = URL(fileURLWithPath: "\(data)/\(file)")
      if let bytes = try? Data(contentsOf: path, options: .alwaysMapped) { look(file, bytes) }
    }
    // A search that does not find the key where it is would find nothing anywhere.
    if let key = FileManager.default.contents(atPath: data + "/key"),
      !needles.contains(where: { key.contains($0.bytes) })
    {
      findings.append("the search is blind: it does not find the key in the key file")
    }
    return findings
  }

  /// A secret as it is, and as its bytes, plain and in hexadecimal digits.
  private static func forms(_ secret: String) -> [(what: String, bytes: Data)] {
    let what = "\(secret.prefix(12))…"
    var forms = [(what, Data(secret.utf8)), (what, Data(Data(secret.utf8).base64EncodedString().utf8))]
    let base64 = secret.hasPrefix("whsec_") ? String(secret.dropFirst(6)) : secret
    if let raw = Data(base64Encoded: base64), raw.count >= 16 {
      let hex = raw.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
      forms += [("\(what) decoded", raw), ("\(what) in hexadecimal digits", Data(hex.utf8))]
      forms.append((what, Data(base64.utf8)))
    }
    return forms
  }

  /// Writes what was found where `Ops/test` looks; an empty line says that a broker was searched.
  static func report(_ findings: [String], of broker: String) {
    guard let path = ProcessInfo.processInfo.environment["FANFARE_TEST_FINDINGS"] else { return }
    let lines = ["searched \(broker)"] + findings.map { "FOUND \(broker): \($0)" }
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    let bytes = Array((lines.joined(separator: "\n") + "\n").utf8)
    _ = unsafe write(descriptor, bytes, bytes.count)
  }
}

extension Data {
  private static let pageBytes = 4096

  /// What lies between pages that are all zeros: a log's file is written ahead of need, and each of
  /// hundreds of needles would be looked for in 64 MiB of nothing.
  fileprivate func partsWithoutZeroPages() -> [Data] {
    let zeros = [UInt8](repeating: 0, count: Self.pageBytes)
    var parts: [Data] = []
    var partStart: Int?
    unsafe withUnsafeBytes { all in
      guard let base = all.baseAddress else { return }
      for start in stride(from: 0, to: all.count, by: Self.pageBytes) {
        let length = Swift.min(Self.pageBytes, all.count - start)
        let isZero = unsafe memcmp(base + start, zeros, length) == 0
        if isZero, let first = partStart {
          unsafe parts.append(Data(all[first..<start]))
          partStart = nil
        } else if !isZero, partStart == nil {
          partStart = start
        }
      }
      if let first = partStart { unsafe parts.append(Data(all[first...])) }
    }
    return parts
  }

  /// Whether other bytes are part of it.
  fileprivate func contains(_ part: Data) -> Bool {
    guard let first = part.first, part.count <= count else { return false }
    return unsafe withUnsafeBytes { all in
      unsafe part.withUnsafeBytes { needle in
        guard let base = all.baseAddress, let wanted = needle.baseAddress else { return false }
        var offset = 0
        while let place = unsafe memchr(base + offset, Int32(first), all.count - offset) {
          offset = unsafe UnsafeRawPointer(place) - base
          if offset + needle.count > all.count { return false }
          if unsafe memcmp(place, wanted, needle.count) == 0 { return true }
          offset += 1
        }
        return false
      }
    }
  }
}
