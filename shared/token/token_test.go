package token_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/podinfo-targets/podinfo/shared/token"
)

const secret = "a secret that must never be seen"

// TestIssueForTheLibrary reads issued tokens with a strict parser of the JWT library.
func TestIssueForTheLibrary(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, give, want string }{
		{"plain", "alice", "alice"},
		{"empty", "", token.Anonymous},
		{"JSON stays text", `{"name":"x","exp":1}`, `{"name":"x","exp":1}`},
		{"quotes, controls and HTML", "a\"b\\c\x00\n\u2028<&>", "a\"b\\c\x00\n\u2028<&>"},
		{"not UTF-8", "a\xff\xfeb", "a\ufffd\ufffdb"},
		{"ten mebibytes", strings.Repeat("x", 10<<20), strings.Repeat("x", 10<<20)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				<-time.After(1500 * time.Millisecond) // Half-way into a second of the bubble's clock.
				got, err := token.NewIssuer(secret).Issue(tt.give)
				if err != nil {
					t.Fatal(err)
				}
				want := time.Now().Add(time.Minute).Truncate(time.Second).UTC()
				if got.ExpiresAt != want {
					t.Errorf("ExpiresAt = %v, want %v", got.ExpiresAt, want)
				}
				claims := jwt.MapClaims{}
				parsed, err := jwt.NewParser(
					jwt.WithValidMethods([]string{"HS256"}), jwt.WithStrictDecoding(), jwt.WithExpirationRequired(),
				).ParseWithClaims(got.Token, claims, func(*jwt.Token) (any, error) { return []byte(secret), nil })
				if err != nil {
					t.Fatalf("the library refuses the issued token: %v", err)
				}
				if h := parsed.Header; len(h) != 2 || h["alg"] != "HS256" || h["typ"] != "JWT" {
					t.Errorf("header = %v, want alg HS256 and typ JWT alone", h)
				}
				if len(claims) != 3 || claims["iss"] != "podinfo" || claims["exp"] != float64(want.Unix()) {
					t.Errorf("iss = %v, exp = %v of %d claims, want podinfo and %d of 3",
						claims["iss"], claims["exp"], len(claims), want.Unix())
				}
				if claims["name"] != tt.want {
					t.Errorf("name = %.40q, want %.40q", claims["name"], tt.want)
				}
			})
		})
	}
}

func TestTokenAsJSON(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // The clock of the bubble starts at midnight UTC, 2000-01-01.
		issued, err := token.NewIssuer(secret).Issue("alice")
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(issued)
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf(`{"token":%q,"expires_at":"2000-01-01T00:01:00Z"}`, issued.Token)
		if string(got) != want {
			t.Errorf("token as JSON = %s, want %s", got, want)
		}
	})
}

func TestValidateIssued(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer := token.NewIssuer(secret)
		issued, err := issuer.Issue("alice")
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(token.Lifetime - time.Second) // On the clock of the bubble, so this takes no time.
		got, err := issuer.Validate(issued.Token)
		if want := (token.Claims{Name: "alice", ExpiresAt: issued.ExpiresAt}); err != nil || got != want {
			t.Errorf("a second before its end: %v, %v; want %v", got, err, want)
		}
		<-time.After(time.Second)
		if _, err = issuer.Validate(issued.Token); err == nil || err.Error() != "token is expired by 1s" {
			t.Errorf("at its end: error %v, want token is expired by 1s", err)
		}
	})
}

func TestValidate(t *testing.T) {
	t.Parallel()
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // Where the clock of every bubble starts.
	minute := now.Add(time.Minute).Unix()
	good := map[string]any{"name": "alice", "iss": "podinfo", "exp": minute}
	with := func(key string, value any) map[string]any {
		claims := map[string]any{"name": "alice", "iss": "podinfo", "exp": minute}
		claims[key] = value
		if value == nil {
			delete(claims, key)
		}
		return claims
	}
	hs256 := jwt.SigningMethodHS256
	valid := sign(t, hs256, good)
	header, claims, signature := cut3(valid)

	tests := []struct {
		name string
		raw  string
		want string // the error; empty: valid
	}{
		{name: "HS256", raw: valid},
		{name: "HS384", raw: sign(t, jwt.SigningMethodHS384, good)},
		{name: "HS512", raw: sign(t, jwt.SigningMethodHS512, good)},
		{name: "expiry with a fraction", raw: sign(t, hs256, with("exp", float64(minute)+0.75))},
		{name: "nbf and iat now", raw: sign(t, hs256, map[string]any{
			"name": "alice", "iss": "podinfo", "exp": minute, "nbf": now.Unix(), "iat": now.Unix(),
		})},
		{name: "claims nobody asked for", raw: sign(t, hs256, with("aud", []string{"x"}))},

		{name: "empty", raw: "", want: "token contains an invalid number of segments"},
		{name: "one segment", raw: "garbage", want: "token contains an invalid number of segments"},
		{name: "two segments", raw: header + "." + claims, want: "token contains an invalid number of segments"},
		{name: "four segments", raw: valid + ".x", want: "token contains an invalid number of segments"},
		{name: "header not base64", raw: "?." + claims + "." + signature, want: "illegal base64 data at input byte 0"},
		{name: "claims not base64", raw: header + ".ab?d." + signature, want: "illegal base64 data at input byte 2"},
		{name: "signature not base64", raw: header + "." + claims + ".*", want: "illegal base64 data at input byte 0"},
		{name: "padded", raw: valid + "=", want: "illegal base64 data at input byte 43"},
		{name: "bits behind the end", raw: otherSpelling(valid), want: "illegal base64 data at input byte 42"},
		{name: "header not JSON", raw: b64("{") + "." + claims + "." + signature, want: "token is not valid JSON"},
		{name: "claims not JSON", raw: header + "." + b64("[]") + "." + signature, want: "token is not valid JSON"},

		{name: "alg none", raw: sign(t, jwt.SigningMethodNone, good), want: "invalid signing method"},
		{name: "no alg", raw: b64("{}") + "." + claims + "." + signature, want: "invalid signing method"},
		{name: "alg unknown", raw: b64(`{"alg":"HS1"}`) + "." + claims + ".AA", want: "invalid signing method"},
		{name: "alg RS256", raw: b64(`{"alg":"RS256"}`) + "." + claims + ".AA", want: "invalid signing method"},
		{
			name: "critical extension", raw: b64(`{"alg":"HS256","crit":["b64"],"b64":false}`) + "." + claims + ".AA",
			want: "token demands an extension that is not supported",
		},

		{name: "no signature", raw: header + "." + claims + ".", want: "signature is invalid"},
		{name: "other claims", raw: header + "." + b64(`{"iss":"podinfo"}`) + "." + signature, want: "signature is invalid"},
		{name: "other secret", raw: signWith(t, hs256, good, "another"), want: "signature is invalid"},
		{
			name: "other secret and expired", raw: signWith(t, hs256, with("exp", 1), "another"),
			want: "signature is invalid",
		},

		{name: "no expiry", raw: sign(t, hs256, with("exp", nil)), want: "token has no expiry"},
		{name: "expiry zero", raw: sign(t, hs256, with("exp", 0)), want: "token has no expiry"},
		{name: "expiry under another name", raw: sign(t, hs256, map[string]any{
			"iss": "podinfo", "EXP": minute,
		}), want: "token has no expiry"},
		{name: "expiry as text", raw: sign(t, hs256, with("exp", "tomorrow")), want: "token has a claim of the wrong type"},
		{
			name: "expiry in a far year", raw: sign(t, hs256, with("exp", 253402300800)),
			want: `token has a date after the year 9999 in its claim "exp"`,
		},
		{name: "expired now", raw: sign(t, hs256, with("exp", now.Unix())), want: "token is expired by 1s"},
		{name: "expired", raw: sign(t, hs256, with("exp", now.Unix()-66)), want: "token is expired by 1m6s"},
		{name: "expiry before 1970", raw: sign(t, hs256, with("exp", -86400)), want: "token is expired by 262992h0m0s"},
		{name: "nbf ahead", raw: sign(t, hs256, with("nbf", now.Unix()+1)), want: "token is not valid yet"},
		{name: "iat ahead", raw: sign(t, hs256, with("iat", now.Unix()+1)), want: "token used before issued"},
		{name: "other issuer", raw: sign(t, hs256, with("iss", "someone")), want: "invalid issuer"},
		{name: "no issuer", raw: sign(t, hs256, with("iss", nil)), want: "invalid issuer"},
		{name: "name not text", raw: sign(t, hs256, with("name", 7)), want: "token has a claim of the wrong type"},

		{
			name: "too large", raw: strings.Repeat("x", token.MaxSize+1),
			want: "token is too large: 8193 bytes, at most 8192",
		},
		{
			name: "as large as can be", raw: strings.Repeat("x", token.MaxSize),
			want: "token contains an invalid number of segments",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				got, err := token.NewIssuer(secret).Validate(tt.raw)
				if tt.want == "" {
					if want := (token.Claims{Name: "alice", ExpiresAt: now.Add(time.Minute)}); err != nil || got != want {
						t.Errorf("Validate() = %v, %v; want %v", got, err, want)
					}
					return
				}
				if err == nil || err.Error() != tt.want || !errors.Is(err, token.ErrInvalid) {
					t.Errorf("Validate() = %v, %v; want the ErrInvalid %q", got, err, tt.want)
				}
				if got != (token.Claims{}) {
					t.Errorf("Validate() gives the claims %v of an invalid token", got)
				}
			})
		})
	}
}

func TestNoName(t *testing.T) {
	t.Parallel()
	raw := sign(t, jwt.SigningMethodHS256, map[string]any{"iss": "podinfo", "exp": time.Now().Unix() + 60})
	if got, err := token.NewIssuer(secret).Validate(raw); err != nil || got.Name != "" {
		t.Errorf("Validate() of a token without a name = %v, %v; want it valid, with an empty name", got, err)
	}
}

// TestNoSecret shows that an empty secret opens nothing, although HMAC would take it.
func TestNoSecret(t *testing.T) {
	t.Parallel()
	issuer := token.NewIssuer("")
	if got, err := issuer.Issue("alice"); !errors.Is(err, token.ErrNoSecret) {
		t.Errorf("Issue() = %v, %v; want ErrNoSecret", got, err)
	}
	claims := map[string]any{"iss": "podinfo", "exp": time.Now().Unix() + 60}
	if got, err := issuer.Validate(signWith(t, jwt.SigningMethodHS256, claims, "")); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("Validate() = %v, %v; want ErrInvalid", got, err)
	}
}

// TestTogether has many goroutines share one issuer, as requests do.
func TestTogether(t *testing.T) {
	t.Parallel()
	issuer := token.NewIssuer(secret)
	var callers sync.WaitGroup
	for i := range 16 {
		callers.Go(func() {
			for j := range 50 {
				name := fmt.Sprintf("caller %d, call %d", i, j)
				issued, err := issuer.Issue(name)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := issuer.Validate(issued.Token); err != nil || got.Name != name {
					t.Errorf("Validate() = %v, %v; want the name %q", got, err, name)
				}
			}
		})
	}
	callers.Wait()
}

// TestSecretStaysSecret prints an issuer in every way there is and looks for the secret, as text, as hexadecimal and as
// a list of numbers.
func TestSecretStaysSecret(t *testing.T) {
	t.Parallel()
	issuer := token.NewIssuer(secret)
	if _, err := issuer.Issue("alice"); err != nil {
		t.Fatal(err)
	}
	traces := []string{
		secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret),
		strings.Trim(fmt.Sprintf("%d", []byte(secret)), "[]"), strings.Trim(fmt.Sprintf("%#v", []byte(secret)), "[]byte{}"),
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X"} {
		for _, value := range []any{issuer, *issuer, struct{ Issuer *token.Issuer }{issuer}} {
			printed := fmt.Sprintf(verb, value)
			for _, trace := range traces {
				if strings.Contains(printed, trace) {
					t.Errorf("%s of %T prints the secret: %s", verb, value, printed)
				}
			}
		}
	}
}

func TestIssueAllocations(t *testing.T) {
	issuer := token.NewIssuer(secret)
	const most = 12 // Without the race detector, which makes pools forget, it is 6. The library alone takes 30.
	if n := testing.AllocsPerRun(100, func() { _, _ = issuer.Issue("alice") }); n > most {
		t.Errorf("Issue() allocates %v times, want at most %d", n, most)
	}
}

// FuzzValidate gives Validate any bytes. It may accept only what the library too finds well signed, and refuses
// everything else with an ErrInvalid.
func FuzzValidate(f *testing.F) {
	issuer := token.NewIssuer(secret)
	issued, err := issuer.Issue("alice")
	if err != nil {
		f.Fatal(err)
	}
	header, claims, signature := cut3(issued.Token)
	for _, seed := range []string{
		"", "..", "a.b.c", issued.Token, header + "." + claims + ".", header + ".." + signature,
		b64(`{"alg":"none"}`) + "." + claims + ".", b64("null") + "." + b64("null") + "." + signature,
		header + "." + b64(`{"exp":1e999}`) + "." + signature,
	} {
		f.Add(seed)
	}
	key := func(*jwt.Token) (any, error) { return []byte(secret), nil }
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := issuer.Validate(raw)
		if err != nil {
			if !errors.Is(err, token.ErrInvalid) || err.Error() == "" || strings.Contains(err.Error(), secret) {
				t.Errorf("Validate(%q) fails with %q", raw, err)
			}
			return
		}
		methods := jwt.WithValidMethods([]string{"HS256", "HS384", "HS512"})
		if _, err := jwt.Parse(raw, key, methods, jwt.WithExpirationRequired()); err != nil {
			t.Errorf("Validate(%q) = %v, which the library refuses: %v", raw, got, err)
		}
	})
}

// FuzzClaims signs any claims, since a fuzzer cannot guess a signature. What is accepted must be fit to be shown.
func FuzzClaims(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `{"iss":"podinfo","exp":4000000000,"name":"alice"}`, `{"iss":"podinfo","exp":1e300}`,
		`{"iss":"podinfo","exp":253402300799.9,"nbf":-1e300,"iat":null}`, `{"iss":["podinfo"],"exp":"1"}`,
	} {
		f.Add(seed)
	}
	issuer := token.NewIssuer(secret)
	f.Fuzz(func(t *testing.T, claims string) {
		text := b64(`{"alg":"HS256"}`) + "." + b64(claims)
		signature, err := jwt.SigningMethodHS256.Sign(text, []byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		got, err := issuer.Validate(text + "." + b64(string(signature)))
		if err != nil {
			if !errors.Is(err, token.ErrInvalid) {
				t.Errorf("the claims %q fail with %q, which is no ErrInvalid", claims, err)
			}
			return
		}
		if !got.ExpiresAt.After(time.Now().Add(-time.Minute)) {
			t.Errorf("the claims %q are accepted with the expiry %v", claims, got.ExpiresAt)
		}
		if _, err := json.Marshal(got); err != nil {
			t.Errorf("the claims %q are accepted and cannot be shown: %v", claims, err)
		}
	})
}

// FuzzIssue issues a token for any name, which must come back as JSON can carry it.
func FuzzIssue(f *testing.F) {
	for _, seed := range []string{"", "alice", "\xff\xfe", `"},{`, "\u2028\x00<&>"} {
		f.Add(seed)
	}
	issuer := token.NewIssuer(secret)
	f.Fuzz(func(t *testing.T, name string) {
		issued, err := issuer.Issue(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(issued.Token) > token.MaxSize {
			return
		}
		want := string([]rune(name))
		if want == "" {
			want = token.Anonymous
		}
		if got, err := issuer.Validate(issued.Token); err != nil || got.Name != want {
			t.Errorf("the name %q comes back as %q, %v; want %q", name, got.Name, err, want)
		}
	})
}

func BenchmarkIssue(b *testing.B) {
	b.ReportAllocs()
	issuer := token.NewIssuer(secret)
	for b.Loop() {
		if _, err := issuer.Issue("alice"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	b.ReportAllocs()
	issuer := token.NewIssuer(secret)
	raw := sign(b, jwt.SigningMethodHS256, map[string]any{"iss": "podinfo", "exp": time.Now().Unix() + 3600})
	for b.Loop() {
		if _, err := issuer.Validate(raw); err != nil {
			b.Fatal(err)
		}
	}
}

// sign returns the claims as a token of the library, signed with the secret of these tests.
func sign(t testing.TB, method jwt.SigningMethod, claims map[string]any) string {
	t.Helper()
	return signWith(t, method, claims, secret)
}

func signWith(t testing.TB, method jwt.SigningMethod, claims map[string]any, secret string) string {
	t.Helper()
	var key any = []byte(secret)
	if method == jwt.SigningMethodNone {
		key = jwt.UnsafeAllowNoneSignatureType
	}
	raw, err := jwt.NewWithClaims(method, jwt.MapClaims(claims)).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// cut3 returns the three segments of a token.
func cut3(raw string) (header, claims, signature string) {
	parts := strings.Split(raw, ".")
	return parts[0], parts[1], parts[2]
}

// otherSpelling returns the token with its last character changed in the bits that a lenient decoder throws away.
func otherSpelling(raw string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, raw[len(raw)-1])
	return raw[:len(raw)-1] + alphabet[last|1:last|1+1]
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
