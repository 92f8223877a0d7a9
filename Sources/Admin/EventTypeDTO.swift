internal import Base
package import Catalog
internal import Foundation
internal import Wire

/// What a client says about an event type, by creation, PUT or PATCH; unknown members are ignored.
package struct EventTypeIn {
  var name: String?
  private let members: JSONMembers
  private let schemas: String?

  /// - Throws: ``AdminError``: 400 when it is no JSON object, 422 for a wrong member.
  package init(_ bytes: [UInt8]) throws(AdminError) {
    members = try JSONMembers(bytes)
    name = try members.value(String.self, "name")
    schemas = try members.object("schemas").map { String(decoding: $0, as: UTF8.self) }
  }

  /// A whole event type, for creation.
  ///
  /// - Parameter pathName: the name from the path; a name in the body is the only one otherwise.
  package func draft(name pathName: String? = nil) throws(AdminError) -> EventTypeDraft {
    guard let name = pathName ?? name else { throw .invalid("name", "this field is required") }
    var draft = EventTypeDraft(name: name)
    try apply(to: &draft)
    return draft
  }

  /// Sets what was given; what is absent goes (PUT).
  package func replace(_ draft: inout EventTypeDraft) throws(AdminError) {
    draft = EventTypeDraft(name: draft.name)
    try apply(to: &draft)
  }

  /// Sets what was given and leaves the rest; null sets back (PATCH).
  package func apply(to draft: inout EventTypeDraft) throws(AdminError) {
    if members.contains("description") {
      draft.description = try members.value(String.self, "description") ?? ""
    }
    if members.contains("archived") {
      draft.archived = try members.value(Bool.self, "archived") ?? false
    }
    if members.contains("deprecated") {
      draft.deprecated = try members.value(Bool.self, "deprecated") ?? false
    }
    if members.contains("schemas") { draft.schemas = schemas }
    if members.contains("groupName") {
      draft.groupName = try members.value(String.self, "groupName")
    }
    if members.contains("featureFlags") {
      draft.featureFlags = try members.value([String].self, "featureFlags") ?? []
    }
  }
}

/// An event type as clients see it; the schemas are laid in by ``bytes``.
package struct EventTypeOut: Encodable {
  var name: String
  var description: String
  var archived: Bool
  var deprecated: Bool
  var groupName: String?
  var featureFlags: [String]?
  var createdAt: String
  var updatedAt: String

  private init(_ record: EventTypeRecord) {
    name = record.name
    description = record.description
    archived = record.archived
    deprecated = record.deprecated
    groupName = record.groupName
    featureFlags = record.featureFlags.isEmpty ? nil : record.featureFlags
    createdAt = RFC3339.text(record.createdAt)
    updatedAt = RFC3339.text(record.updatedAt)
  }

  /// The answer's bytes, with the schemas as they were given.
  package static func bytes(
    _ record: EventTypeRecord, showsContent: Bool = true
  ) throws -> [UInt8] {
    let out = EventTypeOut(record)
    guard showsContent, let schemas = record.schemas else { return try JSON.encode(out) }
    return try JSON.object(out, adding: "schemas", Array(schemas.utf8))
  }
}

/// An example event of a type: the first in the newest version of its schema that has one.
package enum EventTypeExample {
  /// - Parameters:
  ///   - schemas: the text of a JSON object, schemas by version.
  ///   - index: which of several examples.
  /// - Returns: JSON; nil when there is none.
  package static func payload(schemas: String?, index: Int) -> [UInt8]? {
    guard let schemas,
      let object = try? JSONSerialization.jsonObject(with: Data(schemas.utf8)) as? [String: Any]
    else { return nil }
    let newestFirst = object.sorted {
      $0.key.compare($1.key, options: .numeric) == .orderedDescending
    }
    for (_, value) in newestFirst {
      guard let schema = value as? [String: Any] else { continue }
      var examples = schema["examples"] as? [Any] ?? []
      if let single = schema["example"] { examples.append(single) }
      guard !examples.isEmpty else { continue }
      let example = examples[examples.indices.contains(index) ? index : 0]
      let bytes = try? JSONSerialization.data(
        withJSONObject: example, options: [.sortedKeys, .fragmentsAllowed])
      return bytes.map { [UInt8]($0) }
    }
    return nil
  }
}
