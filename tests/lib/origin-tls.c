/* SPDX-License-Identifier: MIT */
/* A certificate authority of the test's own and a server certificate, good or wrong as asked. */
#include "tests/lib/origin-internal.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX context;
	int ok;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	if (!extension)
		return -ENOMEM;
	ok = X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
	return ok ? 0 : -ENOMEM;
}

static X509 *new_certificate(EVP_PKEY *key, const char *name, long serial, bool expired)
{
	X509 *cert = X509_new();
	X509_NAME *subject;

	if (!cert)
		return NULL;
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
	X509_gmtime_adj(X509_getm_notBefore(cert), -2 * 24 * 3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), expired ? -24 * 3600 : 30 * 24 * 3600);
	subject = X509_get_subject_name(cert);
	X509_NAME_add_entry_by_txt(
		subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_pubkey(cert, key);
	return cert;
}

static X509 *new_ca(EVP_PKEY *key)
{
	X509 *ca = new_certificate(key, "origin test CA", 1, false);

	if (!ca)
		return NULL;
	X509_set_issuer_name(ca, X509_get_subject_name(ca));
	if (add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE") ||
		add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign") ||
		add_extension(ca, ca, NID_subject_key_identifier, "hash") ||
		!X509_sign(ca, key, EVP_sha256())) {
		X509_free(ca);
		return NULL;
	}
	return ca;
}

static X509 *new_leaf(EVP_PKEY *key, enum origin_tls kind, X509 *ca, EVP_PKEY *ca_key)
{
	bool self = kind == ORIGIN_TLS_SELF_SIGNED;
	X509 *cert = new_certificate(key, "127.0.0.1", 2, kind == ORIGIN_TLS_EXPIRED);
	const char *names = kind == ORIGIN_TLS_WRONG_HOST ? "DNS:other.example"
							  : "IP:127.0.0.1,IP:::1,DNS:localhost";

	if (!cert)
		return NULL;
	X509_set_issuer_name(cert, X509_get_subject_name(self ? cert : ca));
	if (add_extension(cert, self ? cert : ca, NID_subject_alt_name, names) ||
		add_extension(cert, self ? cert : ca, NID_ext_key_usage, "serverAuth") ||
		!X509_sign(cert, self ? key : ca_key, EVP_sha256())) {
		X509_free(cert);
		return NULL;
	}
	return cert;
}

static int write_ca(X509 *ca, const char *path)
{
	FILE *f = fopen(path, "we");
	int ok;

	if (!f)
		return -errno;
	ok = PEM_write_X509(f, ca);
	if (fclose(f) || !ok)
		return -EIO;
	return 0;
}

int origin_tls_new(const struct origin_config *config, SSL_CTX **ret_ctx, char **ret_ca_path)
{
	EVP_PKEY *ca_key = EVP_EC_gen("P-256");
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *ca = ca_key ? new_ca(ca_key) : NULL;
	X509 *leaf = ca && key ? new_leaf(key, config->tls, ca, ca_key) : NULL;
	SSL_CTX *ctx = leaf ? SSL_CTX_new(TLS_server_method()) : NULL;
	char *path = NULL;
	int result = -ENOMEM;

	if (ctx && SSL_CTX_use_certificate(ctx, leaf) == 1 &&
		SSL_CTX_use_PrivateKey(ctx, key) == 1 &&
		asprintf(&path, "%s/ca.pem", config->folder ? config->folder : ".") > 0)
		result = write_ca(ca, path);
	X509_free(ca);
	X509_free(leaf);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(key);
	if (result) {
		SSL_CTX_free(ctx);
		free(path);
		return result;
	}
	*ret_ctx = ctx;
	*ret_ca_path = path;
	return 0;
}
