public import Flow
internal import Wire

/// What a user says about an endpoint: given to create one, or changed and given back.
///
/// Nothing is checked until the catalogue takes it.
public struct EndpointDraft: Sendable, Equatable {
  /// Name, unique in its application; `nil` leaves the endpoint with its id only.
  public var uid: String?
  /// Where events go.
  public var url: String
  /// For people.
  public var description = ""
  /// `job.completed`, `job.*` or `*`; empty is every type.
  public var types: [String] = []
  /// Empty is every event.
  public var channels: [String] = []
  /// Empty is every source.
  public var sources: [String] = []
  /// New events are not queued, nothing is sent.
  public var disabled = false
  /// Kept only while `disabled`.
  public var disabledReason: String?
  /// Nothing is sent, events keep queueing.
  public var paused = false
  /// At creation: the secret to sign with, or `nil` for a new one. A change ignores it; secrets are
  /// rotated.
  public var secret: String?
  /// Sent with every request, in this order.
  public var headers: [EndpointHeader] = []
  /// Sent as `Authorization`.
  public var auth = EndpointAuth.none
  /// How the body is made.
  public var format = PayloadFormat.standard
  /// How the request is signed.
  public var signing = SigningScheme.standard
  /// `5s,5m,30m` or `exp:5s,x4,max=10h,for=3d`.
  public var retryText = RetrySchedule.standard.text
  /// 0.1 to 300.
  public var timeoutSeconds = 15.0
  /// `10/s`, `100/m`; `nil` is no limit.
  public var rateText: String?
  /// 1 to 4,096.
  public var maxInFlight = 64
  /// One at a time, in order.
  public var ordered = false
  /// Certificates to trust instead of the system's.
  public var caPEM: String?
  /// 60 to a year.
  public var maxAgeSeconds = 5 * 86_400
  /// The user's own notes.
  public var metadata: [String: String] = [:]

  /// An endpoint with the defaults.
  public init(url: String) { self.url = url }

  /// A draft that changes nothing.
  public init(record: EndpointRecord) {
    uid = record.uid
    url = record.url
    description = record.description
    types = record.types
    channels = record.channels
    sources = record.sources
    disabled = record.disabled
    disabledReason = record.disabledReason
    paused = record.paused
    headers = record.headers
    auth = record.auth
    format = record.format
    signing = record.signing
    retryText = record.retryText
    timeoutSeconds = record.timeoutSeconds
    rateText = record.rateText
    maxInFlight = record.maxInFlight
    ordered = record.ordered
    caPEM = record.caPEM
    maxAgeSeconds = record.maxAgeSeconds
    metadata = record.metadata
  }
}
