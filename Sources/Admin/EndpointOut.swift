internal import Base
package import Catalog
internal import Flow
internal import Wire

/// An endpoint as clients see it: no secret, no header value, no credential.
package struct EndpointOut: Encodable {
  var id: String
  var uid: String?
  /// What it is called: uid, or id.
  var name: String
  var url: String
  var description: String
  var eventTypes: [String]
  /// Svix's older word; absent when all types are wanted, as its clients expect.
  var filterTypes: [String]?
  var channels: [String]
  var sources: [String]
  var disabled: Bool
  var disabledReason: String?
  var paused: Bool
  var state: String
  var format: String
  var signing: String
  var retry: String
  var timeoutSeconds: Double
  var rate: String?
  /// Svix's word for a rate that is a whole number a second.
  var throttleRate: Int?
  var maxInFlight: Int
  var ordered: Bool
  var maxAgeSeconds: Int
  var headers: [String: String]
  /// `none`, `basic` or `bearer`.
  var auth: String
  var ca: String?
  var applications: [String]
  var metadata: [String: String]
  var createdAt: String
  var updatedAt: String
  /// Svix clients ask for it; there is one.
  var version = 1
  /// Only in the answer that creates.
  var secret: String?
  /// Why nothing will be sent to the URL; only in the answer to a creation or a change.
  var warning: String?

  package init(_ record: EndpointRecord, state: String, showsSecret: Bool = false) {
    id = record.id
    uid = record.uid
    name = record.name
    url = record.url
    description = record.description
    eventTypes = record.types
    filterTypes = record.types.isEmpty ? nil : record.types
    channels = record.channels
    sources = record.sources
    disabled = record.disabled
    disabledReason = record.disabledReason
    paused = record.paused
    self.state = state
    format = record.format.rawValue
    signing = record.signing.rawValue
    retry = record.retryText
    timeoutSeconds = record.timeoutSeconds
    rate = record.rateText
    throttleRate = record.rateText.flatMap(Quantity.rate).flatMap { rate in
      rate.periodMilliseconds == 1000 ? Int(exactly: rate.count) : nil
    }
    maxInFlight = record.maxInFlight
    ordered = record.ordered
    maxAgeSeconds = record.maxAgeSeconds
    headers = Dictionary(record.headers.map { ($0.name, HeaderMask.text) }) { first, _ in first }
    auth = record.auth.kind
    ca = record.caPEM
    applications = record.applicationIDs
    metadata = record.metadata
    createdAt = RFC3339.text(record.createdAt)
    updatedAt = RFC3339.text(record.updatedAt)
    secret = showsSecret ? record.secret : nil
  }
}
