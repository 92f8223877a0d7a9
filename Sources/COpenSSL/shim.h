// OpenSSL 3: what the importer sees, and wrappers for the macros that it does not.
#ifndef FANFARE_COPENSSL_H
#define FANFARE_COPENSSL_H
// SHA256_CTX, the one state that can be copied without an allocation, is deprecated.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <openssl/pem.h>
#include <string.h>

static inline int fanfare_ssl_ctx_min_version(SSL_CTX *context, int version) {
  return SSL_CTX_set_min_proto_version(context, version);
}
static inline long fanfare_ssl_ctx_mode(SSL_CTX *context, long mode) {
  return SSL_CTX_set_mode(context, mode);
}
static inline long fanfare_ssl_ctx_session_cache_mode(SSL_CTX *context, long mode) {
  return SSL_CTX_set_session_cache_mode(context, mode);
}
static inline void fanfare_ssl_ctx_read_ahead(SSL_CTX *context, int on) {
  SSL_CTX_set_read_ahead(context, on);
}
static inline long fanfare_ssl_host_name(SSL *ssl, const char *name) {
  return SSL_set_tlsext_host_name(ssl, name);
}
static inline int fanfare_ssl_ctx_max_version(SSL_CTX *context, int version) {
  return SSL_CTX_set_max_proto_version(context, version);
}
// Takes over the caller's reference to `certificate` when it returns 1.
static inline long fanfare_ssl_ctx_add_chain_certificate(SSL_CTX *context, X509 *certificate) {
  return SSL_CTX_add_extra_chain_cert(context, certificate);
}
// An HMAC-SHA256 key: the states after its inner and its outer block.
typedef struct {
  SHA256_CTX inner;
  SHA256_CTX outer;
} fanfare_hmac_key;
static inline void fanfare_hmac_take(fanfare_hmac_key *hmac, const void *key, size_t count) {
  unsigned char block[SHA256_CBLOCK] = {0};
  if (count > sizeof block) {
    SHA256(key, count, block);
  } else if (count > 0) {
    memcpy(block, key, count);
  }
  for (size_t at = 0; at < sizeof block; at++) block[at] ^= 0x36;
  SHA256_Init(&hmac->inner);
  SHA256_Update(&hmac->inner, block, sizeof block);
  for (size_t at = 0; at < sizeof block; at++) block[at] ^= 0x36 ^ 0x5c;
  SHA256_Init(&hmac->outer);
  SHA256_Update(&hmac->outer, block, sizeof block);
  OPENSSL_cleanse(block, sizeof block);
}
// `state` began as a copy of `inner`; `signature` has room for 32 bytes.
static inline void fanfare_hmac_finish(
    const fanfare_hmac_key *hmac, SHA256_CTX *state, void *signature) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256_Final(digest, state);
  *state = hmac->outer;
  SHA256_Update(state, digest, sizeof digest);
  SHA256_Final((unsigned char *)signature, state);
}
// EVP_EC_gen is a variadic call in disguise.
static inline EVP_PKEY *fanfare_ec_p256_key(void) { return EVP_EC_gen("P-256"); }
// An extension given as configuration text, of a certificate that signs itself or has `issuer`.
static inline X509_EXTENSION *fanfare_x509_extension(
    X509 *issuer, X509 *subject, int nid, const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, subject, NULL, NULL, 0);
  X509V3_set_ctx_nodb(&context);
  return X509V3_EXT_conf_nid(NULL, &context, nid, value);
}
static const uint64_t fanfare_SSL_OP_NO_RENEGOTIATION = SSL_OP_NO_RENEGOTIATION;
static const uint64_t fanfare_SSL_OP_NO_COMPRESSION = SSL_OP_NO_COMPRESSION;
static const uint64_t fanfare_SSL_OP_IGNORE_UNEXPECTED_EOF = SSL_OP_IGNORE_UNEXPECTED_EOF;
#endif
