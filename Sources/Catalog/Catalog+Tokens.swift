internal import Base
internal import Foundation
internal import GRDB
internal import Synchronization
internal import TLS

extension Catalog {
  /// The name of the token that is written to a file for the command line.
  public static let localTokenName = "local"

  /// Makes a token.
  ///
  /// - Parameters:
  ///   - name: what it is for, shown in listings.
  ///   - scopes: what its bearer may do; at least one.
  ///   - application: the only one that it is good for; `nil` is all.
  ///   - lifetimeSeconds: how long it is good; `nil` until it is removed.
  /// - Returns: its text, which is not kept and cannot be had again.
  public func createToken(
    name: String, scopes: Set<TokenScope>, application: String? = nil,
    lifetimeSeconds: UInt64? = nil
  ) throws(CatalogError) -> String {
    try makeToken(
      name: name, scopes: scopes, application: application, lifetimeSeconds: lifetimeSeconds
    ).text
  }

  /// Makes a token, and tells what it is besides its text.
  public func makeToken(
    name: String, scopes: Set<TokenScope>, application: String? = nil,
    lifetimeSeconds: UInt64? = nil
  ) throws(CatalogError) -> (text: String, grant: TokenGrant) {
    if name.isEmpty { throw .invalid(field: "name", "must not be empty") }
    if scopes.isEmpty {
      let words = TokenScope.allCases.map(\.rawValue).joined(separator: ", ")
      throw .invalid(field: "scopes", "at least one of \(words)")
    }
    try DraftRules.checkText(name, field: "name", charactersMax: 128, lines: false)
    let text = "fft_" + Digest.hex(SecureRandom.bytes(24))
    let id = makeID("tok_")
    let now = clock()
    try write { database in
      let owner = try application.map { try Self.application(database, $0).number }
      try database.execute(
        sql: "DELETE FROM token WHERE expires_at <= ?", arguments: [Int64(now.value)])
      try database.execute(
        sql: "INSERT INTO token (id, name, digest, scopes, application, created_at, expires_at) "
          + "VALUES (?, ?, ?, ?, ?, ?, ?)",
        arguments: [
          id, name, Data(Self.digest(text)),
          scopes.map(\.rawValue).sorted().joined(separator: " "), owner, Int64(now.value),
          lifetimeSeconds.map { Int64(now.value + $0 * 1000) },
        ])
    }
    try loadGrants()
    guard let grant = grants.withLock({ $0[Self.digest(text)] }) else {
      throw .failure("the token that was made just now is gone")
    }
    return (text, grant)
  }

  /// All tokens, without their texts, the oldest first.
  public func tokens() -> [TokenGrant] {
    grants.withLock { $0.values.sorted { $0.id < $1.id } }
  }

  /// Makes a token useless at once.
  ///
  /// - Parameters:
  ///   - text: its id, or its name where only one has it.
  ///   - keptName: tokens of this name are not removed.
  /// - Throws: ``CatalogError/notFound(_:)``; ``CatalogError/conflict(_:)``: it is to be kept, or the
  ///   name is not enough.
  public func removeToken(
    _ text: String, unlessNamed keptName: String? = nil
  ) throws(CatalogError) {
    let matches = tokens().filter { $0.id == text || $0.name == text }
    guard let match = matches.first else {
      throw .notFound("token '\(DraftRules.shown(text))' not found")
    }
    guard matches.count == 1 else {
      throw .conflict("several tokens are named '\(DraftRules.shown(text))'; give the id")
    }
    guard match.name != keptName else {
      throw .conflict(
        "token '\(match.name)' is that of the commands on the broker's machine; to have another made, "
          + "remove the file 'token' of the data directory and start the broker again")
    }
    try write { database in
      try database.execute(sql: "DELETE FROM token WHERE id = ?", arguments: [match.id])
    }
    try loadGrants()
  }

  /// Makes every token useless that is for this application and was to end by itself.
  public func removePassingTokens(application: String) throws(CatalogError) {
    try write { database in
      let number = try Self.application(database, application).number
      try database.execute(
        sql: "DELETE FROM token WHERE application = ? AND expires_at IS NOT NULL",
        arguments: [number])
    }
    try loadGrants()
  }

  /// Who bears this token.
  ///
  /// The text's SHA-256 is looked up and compared in constant time; SQLite is not asked.
  ///
  /// - Returns: `nil` when the token is not known, or has ended.
  public func authenticate(_ bearer: String) -> TokenGrant? {
    let digest = Self.digest(bearer)
    let now = clock()
    return grants.withLock { grants in
      guard let index = grants.index(forKey: digest),
        constantTimeEquals(grants[index].key, digest)
      else { return nil }
      let grant = grants[index].value
      return grant.expiresAt.map { $0 <= now } == true ? nil : grant
    }
  }

  /// Makes sure that a file holds an admin token that is good here, for the command line.
  ///
  /// A file whose token is good is left alone; else a new token takes the old one's place.
  ///
  /// - Parameter path: written with mode 0600, whole or not at all.
  public func ensureAdminToken(writeTo path: String) throws(CatalogError) {
    if let text = TokenFile.read(path), let grant = authenticate(text),
      grant.allows(.admin, application: nil)
    {
      return
    }
    for token in tokens() where token.name == Self.localTokenName {
      try removeToken(token.id)
    }
    try TokenFile.write(try createToken(name: Self.localTokenName, scopes: [.admin]), to: path)
  }

  /// Reads the grants back, after every change.
  func loadGrants() throws(CatalogError) {
    let rows = try read { database in
      try Row.fetchAll(database, sql: "SELECT * FROM token").map { row in
        ([UInt8](row["digest"] as Data), Self.grant(row))
      }
    }
    grants.withLock { $0 = Dictionary(rows) { first, _ in first } }
  }

  private static func grant(_ row: Row) -> TokenGrant {
    let scopes = (row["scopes"] as String).split(separator: " ")
    return TokenGrant(
      id: row["id"], name: row["name"],
      scopes: Set(scopes.compactMap { TokenScope(rawValue: String($0)) }),
      applicationNumber: row["application"], createdAt: JSONColumn.time(row["created_at"]),
      expiresAt: (row["expires_at"] as Int64?).map(JSONColumn.time))
  }

  private static func digest(_ text: String) -> [UInt8] { Digest.sha256(Array(text.utf8)) }
}
