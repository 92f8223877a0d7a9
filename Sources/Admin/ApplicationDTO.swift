internal import Base
internal import Catalog
internal import Wire

/// What a client says about an application; unknown members are ignored.
struct ApplicationIn: Decodable, Equatable {
  var name: String
  var uid: String?
  var metadata: [String: String]?

  var draft: ApplicationDraft {
    ApplicationDraft(name: name, uid: uid, metadata: metadata ?? [:])
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
