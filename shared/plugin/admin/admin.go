// Package admin decides who may reload, kill, start and delete plugins: whoever shows the token that the operator gave
// the server. It is one decision for the HTTP API and the gRPC API.
package admin

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"strings"
)

// ErrForbidden is the kind of every refusal; the error's text tells the client why.
var ErrForbidden = errors.New("forbidden")

// refusal is an error of the kind ErrForbidden whose text stands for itself.
type refusal string

func (r refusal) Error() string { return string(r) }

func (refusal) Is(target error) bool { return target == ErrForbidden }

// The refusals. They do not tell a token that is missing from one that is wrong: both need the right one.
const (
	refusedReadOnly refusal = "this server is read-only (--read-only or PODINFO_READ_ONLY); " +
		"start it without to manage its plugins"
	refusedAlways refusal = "plugins cannot be managed here, because the server has no token for that; " +
		"start it with --plugin-admin-token-file or --plugin-admin-token"
	refusedToken refusal = "managing plugins needs the token of --plugin-admin-token; " +
		"send it as Authorization: Bearer TOKEN"
)

// Gate lets those pass who show the token. The zero value lets nobody pass.
type Gate struct {
	sum    [sha256.Size]byte // of the token: comparing sums tells nothing about its length either
	reason refusal
}

// New returns a gate that opens to token; never, when the token is empty or the server read-only.
func New(token string, readOnly bool) Gate {
	switch {
	case readOnly:
		return Gate{reason: refusedReadOnly}
	case token == "":
		return Gate{reason: refusedAlways}
	}
	return Gate{sum: sha256.Sum256([]byte(token)), reason: refusedToken}
}

// Check reads the value of a request's Authorization header, or of gRPC's metadata of that name: "Bearer TOKEN" (RFC
// 6750 §2.1; the case of the scheme does not matter, RFC 9110 §11.1). It returns nil for the right token, and an
// ErrForbidden for anything else.
func (g Gate) Check(authorization string) error {
	reason := cmp.Or(g.reason, refusedAlways)
	if reason != refusedToken {
		return reason
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	given := sha256.Sum256([]byte(strings.TrimSpace(token)))
	if subtle.ConstantTimeCompare(given[:], g.sum[:]) != 1 || !strings.EqualFold(scheme, "Bearer") {
		return reason
	}
	return nil
}
