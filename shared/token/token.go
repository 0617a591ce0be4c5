// Package token issues and validates the JSON Web Tokens (RFC 7519) of the token endpoints: a name, the issuer podinfo
// and an expiry one minute ahead, signed with a shared secret.
//
// Only HS256 is ever issued. HS384 and HS512 signatures made with the same secret are accepted too, every other
// algorithm, "none" first of all, is refused (RFC 8725 §3.1). A token proves that its signer knew the secret and
// nothing more.
package token

import (
	"errors"
	"time"
)

const (
	// Anonymous is the name in a token that was asked for without one.
	Anonymous = "anonymous"

	// Lifetime is how long an issued token is valid.
	Lifetime = time.Minute

	// MaxSize is the length in bytes of the longest token that Validate looks at. The parser decodes header and claims
	// before it can check the signature, so what a stranger can make it decode is bounded by what common proxies let
	// through as one header anyway.
	MaxSize = 8 << 10

	issuer = "podinfo"
)

var (
	// ErrInvalid is what every error of Validate is, in the sense of errors.Is. The text of such an error says what is
	// wrong with the token and is safe to show: it holds neither the secret nor a part of a signature.
	ErrInvalid = errors.New("token is invalid")

	// ErrNoSecret is the error of Issue when the issuer was made with an empty secret.
	ErrNoSecret = errors.New("no token can be issued, because the signing secret is empty; set jwt-secret")
)

// Token is a signed token and the moment it expires, as the API shows them: whole seconds, UTC.
type Token struct {
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Claims is what a valid token says. ExpiresAt is in UTC and in whole seconds, and lies within the years that RFC 3339
// can write.
type Claims struct {
	Name      string
	ExpiresAt time.Time
}

// Issuer issues tokens and validates them with one secret. It may be used from any goroutine. The secret lives in
// closures only, where no way of printing an Issuer can reach it.
type Issuer struct {
	signer   signer
	verifier verifier
}

// NewIssuer returns an Issuer that signs with secret. With an empty secret, with which anyone could sign, it issues
// nothing and finds every token invalid.
func NewIssuer(secret string) *Issuer {
	if secret == "" {
		return &Issuer{}
	}
	key := []byte(secret)
	return &Issuer{signer: newSigner(key), verifier: newVerifier(key)}
}

// Issue returns a token for name that expires after Lifetime. A name is any bytes; those that are not UTF-8 become
// U+FFFD, as JSON demands, and an empty name becomes Anonymous. The only error is ErrNoSecret.
func (i *Issuer) Issue(name string) (Token, error) {
	if i.signer == nil {
		return Token{}, ErrNoSecret
	}
	if name == "" {
		name = Anonymous
	}
	expires := time.Now().Add(Lifetime).Truncate(time.Second).UTC()
	return Token{Token: i.signer(name, expires), ExpiresAt: expires}, nil
}

// Validate returns the claims of raw when it is a token of this issuer that has not expired. Every error is ErrInvalid
// and reads as the answer to give.
func (i *Issuer) Validate(raw string) (Claims, error) {
	if i.verifier == nil {
		return Claims{}, invalid("no token is valid, because the signing secret is empty")
	}
	return i.verifier(raw)
}

// invalid is an ErrInvalid with its reason as text.
type invalid string

func (e invalid) Error() string { return string(e) }
func (e invalid) Unwrap() error { return ErrInvalid }
