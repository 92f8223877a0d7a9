/// Everything that makes two TLS contexts different: the key under which a reactor keeps them.
public struct TLSSettings: Hashable, Sendable {
  /// Whom a context trusts to issue certificates.
  public enum Roots: Hashable, Sendable {
    /// The authorities of the system.
    case system
    /// The certificates in this PEM text and nobody else: authorities, or the endpoint's own.
    case pem(String)
  }

  /// What we show to a peer that asks who we are.
  public struct ClientCertificate: Hashable, Sendable {
    /// Our certificate, then those between it and its authority, as PEM text.
    public var pem: String
    /// The private key of the first certificate, as PEM text without passphrase.
    public var key: String

    /// - Parameters:
    ///   - pem: the certificate chain, our own first, as PEM text.
    ///   - key: its private key, as PEM text without passphrase.
    public init(pem: String, key: String) {
      self.pem = pem
      self.key = key
    }
  }

  /// Whom to trust.
  public var roots: Roots
  /// Who we are, if a peer asks.
  public var clientCertificate: ClientCertificate?

  /// - Parameters:
  ///   - roots: whom to trust.
  ///   - clientCertificate: who we are, if a peer asks.
  public init(roots: Roots = .system, clientCertificate: ClientCertificate? = nil) {
    self.roots = roots
    self.clientCertificate = clientCertificate
  }
}
