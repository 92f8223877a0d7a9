package import Catalog
internal import Flow

extension EndpointIn {
  /// A whole endpoint, for creation.
  ///
  /// - Parameter uid: the name from the path, if the body has none.
  /// - Throws: ``AdminError``: 422, there is no URL; 409, the uid is not the one in the path.
  package func draft(uid pathName: String? = nil) throws(AdminError) -> EndpointDraft {
    guard let url = url.value else { throw .invalid("url", "this field is required") }
    try AdminError.refuse(uid.value, unlike: pathName)
    var draft = EndpointDraft(url: url)
    apply(to: &draft)
    draft.uid = uid.value ?? pathName
    draft.secret = secret.value
    return draft
  }

  /// Sets what was given and leaves the rest; null sets back to the default (PATCH).
  package func apply(to draft: inout EndpointDraft) {
    let standard = EndpointDraft(url: draft.url)
    if let value = url.value { draft.url = value }
    set(&draft.uid, uid)
    set(&draft.description, description, standard.description)
    set(&draft.types, types, [])
    set(&draft.channels, channels, [])
    set(&draft.sources, sources, [])
    set(&draft.paused, paused, false)
    if let value = disabled.setting(cleared: false) {
      draft.disabledReason = value ? draft.disabledReason ?? "by hand" : nil
      draft.disabled = value
    }
    set(&draft.format, format, standard.format)
    set(&draft.signing, signing, standard.signing)
    set(&draft.retryText, retry, standard.retryText)
    set(&draft.timeoutSeconds, timeoutSeconds, standard.timeoutSeconds)
    set(&draft.rateText, rate)
    set(&draft.maxInFlight, maxInFlight, standard.maxInFlight)
    set(&draft.ordered, ordered, false)
    set(&draft.caPEM, ca)
    set(&draft.maxAgeSeconds, maxAgeSeconds, standard.maxAgeSeconds)
    set(&draft.metadata, metadata, [:])
    if let value = headers.setting(cleared: [:]) {
      draft.headers = HeaderMask.merge(value, into: draft.headers)
    }
    if case .given(let value)? = auth.setting(cleared: .given(.none)) { draft.auth = value }
  }

  /// Sets what was given; what Svix's clients always send is set back when it is absent (PUT).
  /// Fanfare's own properties, which those clients do not know, stay.
  package func replace(_ draft: inout EndpointDraft) {
    let standard = EndpointDraft(url: draft.url)
    draft.description = standard.description
    draft.types = []
    draft.channels = []
    draft.metadata = [:]
    if disabled.isAbsent {
      draft.disabled = false
      draft.disabledReason = nil
    }
    apply(to: &draft)
  }

  private func set<Value>(_ property: inout Value, _ field: Field<Value>, _ standard: Value) {
    if let value = field.setting(cleared: standard) { property = value }
  }

  private func set<Value>(_ property: inout Value?, _ field: Field<Value>) {
    switch field {
    case .absent: break
    case .null: property = nil
    case .value(let value): property = value
    }
  }
}

/// Header values are never shown; who gives back what was shown means the value to stay.
enum HeaderMask {
  static let text = "…"

  /// The headers that a client's object stands for, in order of their names.
  static func merge(
    _ given: [String: String], into known: [EndpointHeader]
  ) -> [EndpointHeader] {
    given.sorted { $0.key.lowercased() < $1.key.lowercased() }.compactMap { name, value in
      if value != text { return EndpointHeader(name: name, value: value) }
      // A mask without a value behind it stands for nothing.
      return known.first { $0.name.lowercased() == name.lowercased() }
    }
  }
}
