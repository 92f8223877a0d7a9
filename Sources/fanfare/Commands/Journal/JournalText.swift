internal import Base
internal import Flow
internal import Storage
internal import Wire

/// What `fanfare journal` prints of the storage's values.
enum JournalText {
  /// Unix milliseconds as RFC 3339; `-` when there is none.
  static func time(_ milliseconds: UInt64) -> String {
    milliseconds == 0 ? "-" : RFC3339.text(UnixMilliseconds(milliseconds))
  }

  /// Endpoint numbers, the first eight of many.
  static func endpoints(_ endpoints: [EndpointNumber]?) -> String {
    guard let endpoints else { return "unknown" }
    if endpoints.isEmpty { return "-" }
    let shown = endpoints.prefix(8).map { "\($0.value)" }.joined(separator: ",")
    return endpoints.count > 8 ? "\(shown),… (\(endpoints.count))" : shown
  }
}

extension SegmentSummary {
  /// As `--json` prints it.
  var json: JSONValue {
    .members([
      ("number", .integer(number)), ("path", .string(path)), ("state", .string(state.rawValue)),
      ("firstSequence", .integer(firstSequence)), ("lastSequence", .integer(lastSequence)),
      ("blocks", .integer(blocks)), ("eventBlocks", .integer(eventBlocks)),
      ("durableThrough", .integer(durableThrough)), ("usedBytes", .integer(usedBytes)),
      ("bytes", .integer(bytes)), ("createdAt", .string(JournalText.time(createdAt))),
    ])
  }
}

extension SpoolSummary {
  /// As `--json` prints it.
  var json: JSONValue {
    .members([
      ("ordinal", .integer(ordinal)), ("path", .string(path)), ("offset", .integer(offset)),
      ("bytes", .integer(bytes)), ("firstSequence", .integer(firstSequence)),
      ("lastSequence", .integer(lastSequence)), ("blocks", .integer(blocks)),
      ("events", .integer(events)), ("plainBytes", .integer(plainBytes)),
    ])
  }
}

extension CheckpointSummary {
  /// As `--json` prints it.
  var json: JSONValue {
    .members([
      ("ordinal", .integer(ordinal)), ("path", .string(path)), ("sequence", .integer(sequence)),
      ("replayAfter", .integer(replayAfter)), ("lanes", .integer(lanes)),
      ("behind", .integer(behind)), ("holes", .integer(holes)),
      ("remembered", .integer(remembered)), ("audiences", .integer(audiences)),
      ("segments", .integer(segments)), ("endpointHighWater", .integer(endpointHighWater)),
      ("createdAt", .string(JournalText.time(createdAt))),
    ])
  }
}

extension BlockSummary {
  /// As `--json` prints it.
  var json: JSONValue {
    .members([
      ("sequence", .integer(sequence)), ("segment", .integer(segment)),
      ("offset", .integer(offset)), ("length", .integer(length)), ("kind", .string(kind)),
      ("events", .integer(events)), ("definitions", .integer(definitions)),
      ("outcomes", .integer(outcomes)), ("packedBytes", .integer(packedBytes)),
      ("plainBytes", .integer(plainBytes)), ("durableThrough", .integer(durableThrough)),
      ("whole", .bool(isWhole)),
    ])
  }
}

extension EventSummary {
  /// As `--json` prints it.
  var json: JSONValue {
    .members([
      ("sequence", .integer(position.sequence)), ("index", .integer(position.index)),
      ("time", .string(JournalText.time(time.value))), ("type", .string(type)),
      ("id", .string(id)), ("application", .integer(application.value)),
      ("audience", .integer(audience.value)),
      (
        "endpoints",
        endpoints.map { all in JSONValue.array(all.map { JSONValue.integer($0.value) }) }
      ),
      ("dataBytes", .integer(dataBytes)),
    ])
  }
}

extension JournalFault {
  /// As `--json` prints it.
  var json: JSONValue {
    .members([
      ("check", .string(check.rawValue)), ("path", .string(path)), ("offset", .integer(offset)),
      ("length", .integer(length)), ("firstSequence", .integer(firstSequence)),
      ("lastSequence", .integer(lastSequence)), ("detail", .string(detail)),
    ])
  }
}
