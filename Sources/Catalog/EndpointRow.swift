internal import Base
internal import Flow
internal import Foundation
internal import GRDB
internal import TLS

/// Between an endpoint and its row.
enum EndpointRow {
  /// All columns, with the applications as `1:app_…,2:app_…`.
  static let selection = """
    SELECT endpoint.*, (
      SELECT group_concat(link.application || ':' || application.id)
      FROM endpoint_application AS link
      JOIN application ON application.number = link.application
      WHERE link.endpoint = endpoint.number
    ) AS applications
    FROM endpoint
    """

  /// What a summary needs.
  static let summarySelection = """
    SELECT endpoint.number, endpoint.id, endpoint.uid, endpoint.disabled, endpoint.paused, (
      SELECT min(link.application) FROM endpoint_application AS link
      WHERE link.endpoint = endpoint.number
    ) AS application
    FROM endpoint
    """

  /// The summary of a row that ``summarySelection`` gave.
  static func summary(_ row: Row) -> EndpointSummary {
    EndpointSummary(
      number: UInt32(truncatingIfNeeded: row[0] as Int64), id: row[1], uid: row[2],
      application: (row[5] as Int64?).map { UInt32(truncatingIfNeeded: $0) }, disabled: row[3],
      paused: row[4])
  }

  /// The record of a row that ``selection`` gave.
  static func record(_ row: Row, _ sealer: Sealer) throws(CatalogError) -> EndpointRecord {
    let id: String = row["id"]
    let part = try SealedPart(opening: [UInt8](row["sealed"] as Data), sealer, for: id)
    let links = applications(row["applications"])
    return EndpointRecord(
      number: UInt32(truncatingIfNeeded: row["number"] as Int64), id: id, uid: row["uid"],
      applicationIDs: links.map(\.id), applicationNumbers: links.map(\.number), url: row["url"],
      description: row["description"], types: try JSONColumn.texts(row["types"]),
      channels: try JSONColumn.texts(row["channels"]),
      sources: try JSONColumn.texts(row["sources"]), disabled: row["disabled"],
      disabledReason: row["disabled_reason"], paused: row["paused"],
      secrets: part.secretRecords, headers: part.endpointHeaders, auth: part.endpointAuth,
      format: PayloadFormat(rawValue: row["format"]) ?? .standard,
      signing: SigningScheme(rawValue: row["signing"]) ?? .standard, retryText: row["retry"],
      timeoutSeconds: Double(row["timeout_ms"] as Int64) / 1000, rateText: row["rate"],
      maxInFlight: row["max_in_flight"], ordered: row["ordered"], caPEM: row["ca"],
      maxAgeSeconds: row["max_age_s"], metadata: try JSONColumn.pairs(row["metadata"]),
      createdAt: JSONColumn.time(row["created_at"]), updatedAt: JSONColumn.time(row["updated_at"]))
  }

  /// The values that a draft gives, by column.
  static func values(_ draft: EndpointDraft) throws(CatalogError) -> [String: DatabaseValue] {
    [
      "uid": draft.uid.databaseValue, "url": draft.url.databaseValue,
      "description": draft.description.databaseValue,
      "types": try JSONColumn.text(draft.types).databaseValue,
      "channels": try JSONColumn.text(draft.channels).databaseValue,
      "sources": try JSONColumn.text(draft.sources).databaseValue,
      "disabled": draft.disabled.databaseValue,
      "disabled_reason": draft.disabledReason.databaseValue,
      "paused": draft.paused.databaseValue, "format": draft.format.rawValue.databaseValue,
      "signing": draft.signing.rawValue.databaseValue, "retry": draft.retryText.databaseValue,
      "timeout_ms": Int64((draft.timeoutSeconds * 1000).rounded()).databaseValue,
      "rate": draft.rateText.databaseValue, "max_in_flight": draft.maxInFlight.databaseValue,
      "ordered": draft.ordered.databaseValue, "ca": draft.caPEM.databaseValue,
      "max_age_s": draft.maxAgeSeconds.databaseValue,
      "metadata": try JSONColumn.text(draft.metadata).databaseValue,
    ]
  }

  private static func applications(_ text: String?) -> [(number: UInt32, id: String)] {
    let links = (text ?? "").split(separator: ",").compactMap { link -> (UInt32, String)? in
      let parts = link.split(separator: ":")
      guard parts.count == 2, let number = UInt32(parts[0]) else { return nil }
      return (number, String(parts[1]))
    }
    return links.sorted { $0.0 < $1.0 }.map { (number: $0.0, id: $0.1) }
  }
}

/// Lists and maps in a text column; times in an integer one.
enum JSONColumn {
  static func text(_ texts: [String]) throws(CatalogError) -> String {
    texts.isEmpty ? "[]" : try encode(texts)
  }

  static func text(_ pairs: [String: String]) throws(CatalogError) -> String {
    pairs.isEmpty ? "{}" : try encode(pairs)
  }

  /// The empty list, which most are, is not worth a decoder.
  static func texts(_ text: String) throws(CatalogError) -> [String] {
    text == "[]" ? [] : try decode([String].self, text)
  }

  static func pairs(_ text: String) throws(CatalogError) -> [String: String] {
    text == "{}" ? [:] : try decode([String: String].self, text)
  }

  static func time(_ value: Int64) -> UnixMilliseconds { UnixMilliseconds(UInt64(value)) }

  private static func encode(_ value: some Encodable) throws(CatalogError) -> String {
    do {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      return String(decoding: try encoder.encode(value), as: UTF8.self)
    } catch {
      throw .failure("catalogue: \(error)")
    }
  }

  private static func decode<Value: Decodable>(
    _ type: Value.Type, _ text: String
  ) throws(CatalogError) -> Value {
    do {
      return try JSONDecoder().decode(type, from: Data(text.utf8))
    } catch {
      throw .failure("catalogue: a stored list cannot be read: \(error)")
    }
  }
}
