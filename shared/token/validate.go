package token

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// latest is the first second, in Unix time, whose year RFC 3339 cannot write any more.
const latest = 253402300800

var (
	errMethod = errors.New("invalid signing method")
	errCrit   = errors.New("token demands an extension that is not supported")
)

// verifier returns the claims of a token, or an ErrInvalid.
type verifier func(raw string) (Claims, error)

// newVerifier returns a verifier with key.
func newVerifier(key []byte) verifier {
	parser := jwt.NewParser(
		jwt.WithStrictDecoding(), // One token, one spelling.
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(), // A token from the future is refused.
		jwt.WithIssuer(issuer),
	)
	keyFor := func(t *jwt.Token) (any, error) {
		if _, ok := t.Method.(*jwt.SigningMethodHMAC); !ok {
			return nil, errMethod
		}
		if _, ok := t.Header["crit"]; ok { // RFC 7515 §4.1.11: what is critical and unknown is refused.
			return nil, errCrit
		}
		return key, nil
	}
	return func(raw string) (Claims, error) {
		if len(raw) > MaxSize {
			return Claims{}, invalid(fmt.Sprintf("token is too large: %d bytes, at most %d", len(raw), MaxSize))
		}
		if strings.Count(raw, ".") != 2 {
			return Claims{}, invalid("token contains an invalid number of segments")
		}
		claims := jwt.MapClaims{} // A map, because claim names are case-sensitive and struct fields are not.
		if _, err := parser.ParseWithClaims(raw, claims, keyFor); err != nil {
			return Claims{}, invalid(reason(err, claims))
		}
		return typed(claims)
	}
}

// reason puts the first thing that is wrong with a token in one phrase, the signature before the claims.
func reason(err error, claims jwt.MapClaims) string {
	var corrupt base64.CorruptInputError
	switch {
	case errors.As(err, &corrupt):
		return corrupt.Error()
	case errors.Is(err, jwt.ErrTokenMalformed):
		return "token is not valid JSON"
	case errors.Is(err, errCrit):
		return errCrit.Error()
	case errors.Is(err, jwt.ErrTokenUnverifiable): // The algorithm is missing, unknown or not an HMAC.
		return errMethod.Error()
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return "signature is invalid"
	case errors.Is(err, jwt.ErrInvalidType):
		return "token has a claim of the wrong type"
	case errors.Is(err, jwt.ErrTokenExpired):
		return "token is expired by " + expiredBy(claims).String()
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return "token is not valid yet"
	case errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return "token used before issued"
	case expiry(claims).IsZero():
		return "token has no expiry"
	default: // The wrong issuer or none.
		return "invalid issuer"
	}
}

// expiredBy returns for how long a token has been expired, in whole seconds from one up.
func expiredBy(claims jwt.MapClaims) time.Duration {
	return max(time.Since(expiry(claims)).Truncate(time.Second), time.Second)
}

// expiry returns when a token expires, or the zero time when it says nothing that makes sense.
func expiry(claims jwt.MapClaims) time.Time {
	expires, err := claims.GetExpirationTime()
	if err != nil || expires == nil {
		return time.Time{}
	}
	return expires.UTC()
}

// typed returns the claims of a token whose signature and validity are checked.
func typed(claims jwt.MapClaims) (Claims, error) {
	for _, key := range []string{"exp", "nbf", "iat"} {
		if seconds, ok := claims[key].(float64); ok && seconds >= latest {
			return Claims{}, invalid(fmt.Sprintf("token has a date after the year 9999 in its claim %q", key))
		}
	}
	name, ok := claims["name"].(string)
	if !ok && claims["name"] != nil {
		return Claims{}, invalid("token has a claim of the wrong type")
	}
	return Claims{Name: name, ExpiresAt: expiry(claims)}, nil
}
