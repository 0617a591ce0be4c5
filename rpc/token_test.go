package rpc_test

import (
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/podinfo-targets/podinfo/rpc"
	"github.com/podinfo-targets/podinfo/rpc/pb/tokenpb"
	"github.com/podinfo-targets/podinfo/shared/token"
)

// timeText is how times are written, which is what time.Time.String makes of a time in UTC.
const timeText = "2006-01-02 15:04:05 +0000 UTC"

func TestTokenRoundTrip(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	client := tokenpb.NewTokenServiceClient(r.conn)
	begin := time.Now().Truncate(time.Second)
	issued, err := client.TokenGenerate(within(t), &tokenpb.TokenRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if issued.GetMessage() != "Token generated successfully" {
		t.Errorf("message is %q", issued.GetMessage())
	}
	expires, err := time.Parse(timeText, issued.GetExpiresAt())
	if err != nil {
		t.Fatalf("expiresAt: %v", err)
	}
	if left := expires.Sub(begin); left < time.Minute || left > time.Minute+patience {
		t.Errorf("the token expires %s after it was asked for, want a minute", left)
	}
	for _, scheme := range []string{"", "Bearer ", "bearer ", "BEARER  "} {
		ctx := metadata.AppendToOutgoingContext(within(t), "authorization", scheme+issued.GetToken())
		valid, err := client.TokenValidate(ctx, &tokenpb.TokenRequest{})
		if err != nil {
			t.Errorf("with scheme %q: %v", scheme, err)
			continue
		}
		if valid.GetToken() != "anonymous" || valid.GetExpiresAt() != issued.GetExpiresAt() {
			t.Errorf("with scheme %q: got %v, want the name anonymous and the expiry of the token", scheme, valid)
		}
	}
}

func TestTokenRefused(t *testing.T) {
	t.Parallel()
	const absent, unable = "Authorization token not found in metadata", "Unable to parse token"
	in := func(d time.Duration) *jwt.NumericDate { return jwt.NewNumericDate(time.Now().Add(d)) }
	sign := func(method jwt.SigningMethod, key any, claims jwt.Claims) []string {
		raw, err := jwt.NewWithClaims(method, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return []string{"Bearer " + raw}
	}
	hs256 := func(key string, claims jwt.RegisteredClaims) []string {
		return sign(jwt.SigningMethodHS256, []byte(key), claims)
	}
	good := jwt.RegisteredClaims{Issuer: "podinfo", ExpiresAt: in(time.Minute)}
	for _, c := range []struct {
		name          string
		authorization []string
		message       string
		cause         string // a part of the cause in the details
	}{
		{"absent", nil, absent, ""},
		{"empty", []string{""}, absent, ""},
		{"scheme alone", []string{"Bearer "}, absent, ""},
		{"other scheme", []string{"Basic dXNlcjpwYXNz"}, unable, "segments"},
		{"garbage", []string{"Bearer garbage"}, unable, "segments"},
		{"three segments of garbage", []string{"a.b.c"}, unable, ""},
		{"huge", []string{"Bearer " + strings.Repeat("a.", 100_000)}, unable, "too large"},
		{"expired", hs256(secret, jwt.RegisteredClaims{Issuer: "podinfo", ExpiresAt: in(-time.Minute)}), unable, "expired"},
		{"no expiry", hs256(secret, jwt.RegisteredClaims{Issuer: "podinfo"}), unable, "expiry"},
		{"wrong issuer", hs256(secret, jwt.RegisteredClaims{Issuer: "x", ExpiresAt: in(time.Minute)}), unable, "issuer"},
		{"no issuer", hs256(secret, jwt.RegisteredClaims{ExpiresAt: in(time.Minute)}), unable, "issuer"},
		{"not yet valid", hs256(secret, jwt.RegisteredClaims{
			Issuer: "podinfo", ExpiresAt: in(time.Hour), NotBefore: in(time.Minute),
		}), unable, "not valid yet"},
		{"other secret", hs256("another secret", good), unable, "signature"},
		{"no algorithm", sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good), unable, "method"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, nil)
			ctx := within(t)
			for _, value := range c.authorization {
				ctx = metadata.AppendToOutgoingContext(ctx, "authorization", value)
			}
			_, err := tokenpb.NewTokenServiceClient(r.conn).TokenValidate(ctx, &tokenpb.TokenRequest{})
			wantStatus(t, err, codes.Unauthenticated, c.message)
			if cause := causeOf(err); !strings.Contains(cause, c.cause) {
				t.Errorf("the details say %q, want it to contain %q", cause, c.cause)
			}
		})
	}
}

// causeOf returns the cause in the details of a status.
func causeOf(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetMetadata()["cause"]
		}
	}
	return ""
}

func TestTokenWithoutSecret(t *testing.T) {
	t.Parallel()
	r := start(t, func(d *rpc.Deps) { d.Tokens = token.NewIssuer("") })
	_, err := tokenpb.NewTokenServiceClient(r.conn).TokenGenerate(within(t), &tokenpb.TokenRequest{})
	wantStatus(t, err, codes.FailedPrecondition, token.ErrNoSecret.Error())
}
