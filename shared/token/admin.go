package token

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"strings"
)

// ErrForbidden is what every error of [Admin.Check] is, in the sense of errors.Is. The text of such an error says how
// to get in, and is safe to show.
var ErrForbidden = errors.New("the admin token is required")

// What a client reads that is not let in.
const (
	noAdmin = forbidden("only operators may do this, and none can prove to be one: start podinfo with " +
		"--plugin-admin-token-file, or with PODINFO_PLUGIN_ADMIN_TOKEN, and send that token as Authorization: Bearer TOKEN")
	noToken = forbidden("only operators may do this: send the token of --plugin-admin-token-file, " +
		"--plugin-admin-token or PODINFO_PLUGIN_ADMIN_TOKEN as Authorization: Bearer TOKEN")
	wrongToken = forbidden("only operators may do this, and the token that was sent is not theirs: send that of " +
		"--plugin-admin-token-file, --plugin-admin-token or PODINFO_PLUGIN_ADMIN_TOKEN")
)

// Admin knows the token of those who may manage plugins. It keeps a hash of it and never the token, so that no way of
// printing it tells, and all comparisons are of one length and take one time. It may be used from any goroutine.
type Admin struct {
	hash  [sha256.Size]byte
	given bool
}

// NewAdmin returns an Admin that lets in whoever sends token, or nobody when it is empty.
func NewAdmin(token string) *Admin {
	return &Admin{hash: sha256.Sum256([]byte(token)), given: token != ""}
}

// Check looks at the value of an Authorization header, "Bearer" and the token (RFC 6750 section 2.1), and returns nil
// for an operator and an ErrForbidden for everyone else.
func (a *Admin) Check(authorization string) error {
	if !a.given {
		return noAdmin
	}
	scheme, sent, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") || sent == "" {
		return noToken
	}
	hash := sha256.Sum256([]byte(strings.TrimLeft(sent, " "))) // RFC 9110 section 11.4 allows several spaces.
	if subtle.ConstantTimeCompare(hash[:], a.hash[:]) != 1 {
		return wrongToken
	}
	return nil
}

// forbidden is an ErrForbidden with its reason as text.
type forbidden string

func (e forbidden) Error() string { return string(e) }
func (e forbidden) Unwrap() error { return ErrForbidden }
