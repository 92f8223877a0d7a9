/// Whoever is at the world's end of a connection.
public protocol SimulatedPeer: AnyObject {
  /// Bytes came from the program.
  func received(_ bytes: [UInt8], on line: SimulatedLine)
  /// The program closed, or died.
  func ended(_ line: SimulatedLine)
}

/// How a host answers a connect.
public enum ConnectAnswer {
  /// Established; the peer speaks for the host on this connection.
  case accept(any SimulatedPeer)
  /// ECONNREFUSED.
  case refuse
  /// No answer at all.
  case ignore
}

/// A host of the world that can be connected to.
public protocol SimulatedHost: AnyObject {
  /// Somebody connects.
  func connect(_ line: SimulatedLine) -> ConnectAnswer
}
