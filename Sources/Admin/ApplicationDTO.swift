internal import Base
package import Catalog
internal import Wire

/// What a client says about an application, by creation, PUT or PATCH; unknown members are ignored, but
/// not a limit that would not be kept.
package struct ApplicationIn: Decodable {
  var name: Field<String>
  var uid: Field<String>
  var metadata: Field<[String: String]>
  private var hasLimit: Bool

  private enum Key: String, CodingKey { case name, uid, metadata, throttleRate, rateLimit }

  package init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: Key.self)
    name = try members.field(String.self, .name)
    uid = try members.field(String.self, .uid)
    metadata = try members.field([String: String].self, .metadata)
    hasLimit = try members.field(Double.self, .throttleRate).value != nil
      || members.field(Double.self, .rateLimit).value != nil
  }

  /// - Throws: ``AdminError``: 422, it asks for a limit over all endpoints of the application.
  private func refuseLimit() throws(AdminError) {
    if !hasLimit { return }
    throw .invalid(
      "throttleRate", "limits are by endpoint here: set throttleRate on the application's endpoints")
  }

  /// A whole application, for creation.
  ///
  /// - Parameter pathName: the uid from the path, if the body has none.
  /// - Throws: ``AdminError``: 422, there is no name; 409, the uid is not the one in the path.
  package func draft(uid pathName: String? = nil) throws(AdminError) -> ApplicationDraft {
    try AdminError.refuse(uid.value, unlike: pathName)
    try refuseLimit()
    return ApplicationDraft(
      name: try requiredName, uid: uid.value ?? pathName, metadata: metadata.value ?? [:])
  }

  /// Sets what was given; what is absent goes, but for the uid (PUT).
  package func replace(_ draft: inout ApplicationDraft) throws(AdminError) {
    draft.name = try requiredName
    draft.metadata = [:]
    try apply(to: &draft)
  }

  /// Sets what was given and leaves the rest; null sets back (PATCH).
  package func apply(to draft: inout ApplicationDraft) throws(AdminError) {
    try refuseLimit()
    if !name.isAbsent { draft.name = try requiredName }
    if !uid.isAbsent { draft.uid = uid.value }
    if let value = metadata.setting(cleared: [:]) { draft.metadata = value }
  }

  private var requiredName: String {
    get throws(AdminError) {
      guard let name = name.value else { throw .invalid("name", "this field is required") }
      return name
    }
  }
}

/// An application as clients see it.
struct ApplicationOut: Encodable {
  var id: String
  var uid: String?
  var name: String
  var metadata: [String: String]
  var createdAt: String
  var updatedAt: String

  init(_ record: ApplicationRecord) {
    id = record.id
    uid = record.uid
    name = record.name
    metadata = record.metadata
    createdAt = RFC3339.text(record.createdAt)
    updatedAt = RFC3339.text(record.updatedAt)
  }
}
