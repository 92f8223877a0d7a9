import Testing

/// Tests that spawn the real program and other people's clients, one after the other: each needs
/// the machine for itself.
@Suite(.serialized) enum EndToEnd {}
