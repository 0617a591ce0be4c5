package conformance

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// establishedSecret signs the tokens of every podinfo that is not given another secret. It is public.
const establishedSecret = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"

// theSecret signs the tokens of the servers that these cases start.
const theSecret = "the secret of the conformance cases"

// tokens are issued and validated.
func tokens() []Group {
	const in200 = "answers 200 with the code in the body only"
	validate := get("/token/validate").with("Authorization", "Bearer ${jwt}")
	refused := func(name, message string, forge Step) Case {
		return it("refuses "+name, forge, validate.want(unauthorized(message))).differs(in200)
	}
	noBearer := func(name string, r request) Case {
		return it("refuses "+name, r.want(unauthorized("authorization bearer header required"))).differs(in200)
	}
	return []Group{
		{Name: "token", Routes: []string{"/token", "/token/validate"}, Cases: []Case{
			it("is issued for the name in the body", post("/token", "alice").want(issued("alice"), save("jwt", "token"),
				save("expires", "expires_at")), validate.want(status(200), textKeys("token_name", "expires_at"),
				fieldIs("token_name", "alice"), fieldIs("expires_at", "${expires}"))),
			it("is issued to anonymous without one", post("/token", "").want(issued("anonymous"), save("jwt", "token")),
				validate.want(status(200), fieldIs("token_name", "anonymous"))),
			it("takes every body for a name", post("/token", `{"name": "<bob>"}`).
				want(issued(`{"name": "<bob>"}`), save("jwt", "token")),
				validate.want(status(200), jsonReply(), fieldIs("token_name", `{"name": "<bob>"}`))),
			it("is validated however Bearer is written", post("/token", "").want(status(200), save("jwt", "token")),
				get("/token/validate").with("Authorization", "bearer ${jwt}").want(status(200), field("token_name", ".+")),
				get("/token/validate").with("Authorization", "BEARER ${jwt}").want(status(200), field("token_name", ".+"))),
			noBearer("a request without one", get("/token/validate")),
			it("asks for one", get("/token/validate").want(status(401), header("WWW-Authenticate", "Bearer"))).
				needs(Challenge),
			noBearer("another scheme", get("/token/validate").with("Authorization", "Basic YTpi")),
			noBearer("a scheme alone", get("/token/validate").with("Authorization", "Bearer")),
			noBearer("a token without a scheme", get("/token/validate").with("Authorization", "eyJhbGciOiJIUzI1NiJ9.e30.e30")),
			noBearer("three words", get("/token/validate").with("Authorization", "Bearer a b")),
			refused("garbage", "token contains an invalid number of segments", bearing("garbage")),
			refused("four segments", "token contains an invalid number of segments", bearing("a.b.c.d")),
			refused("segments that are not base64", "illegal base64 data at input byte 0", bearing("!!!.e30.e30")),
			refused("a changed claim", "signature is invalid", step(tampered)),
			refused("a token of 200 kB", "", bearing(strings.Repeat("eyJ.", 50_000))).needs(LongHeader),
		}},
		{Name: "token of a known secret", Routes: []string{"/token", "/token/validate"},
			Settings: []string{"PODINFO_JWT_SECRET=" + theSecret}, Cases: []Case{
				it("is signed with it", post("/token", "carol").want(issued("carol"), signedWith(theSecret))),
				it("accepts what others signed with it", step(signed(theSecret, claims(nil))),
					validate.want(status(200), fieldIs("token_name", "conformance"))),
				it("accepts longer hashes", step(signedBy(jwt.SigningMethodHS384, []byte(theSecret), claims(nil))),
					validate.want(status(200), fieldIs("token_name", "conformance")),
					step(signedBy(jwt.SigningMethodHS512, []byte(theSecret), claims(nil))),
					validate.want(status(200), fieldIs("token_name", "conformance"))),
				refused("another secret", "signature is invalid", step(signed("another secret", claims(nil)))),
				refused("the established secret", "signature is invalid", step(signed(establishedSecret, claims(nil)))),
				refused("an expired token", "token is expired",
					step(signed(theSecret, claims(jwt.MapClaims{"exp": fromNow(-time.Minute)})))),
				refused("a token that is not valid yet", "token is not valid yet",
					step(signed(theSecret, claims(jwt.MapClaims{"nbf": fromNow(time.Minute)})))),
				refused("a token from the future", "token used before issued",
					step(signed(theSecret, claims(jwt.MapClaims{"iat": fromNow(time.Minute)})))),
				refused("another issuer", "invalid issuer",
					step(signed(theSecret, claims(jwt.MapClaims{"iss": "somebody"})))),
				refused("a token without an issuer", "invalid issuer",
					step(signed(theSecret, claims(jwt.MapClaims{"iss": nil})))),
				refused("a token that never expires", "", step(signed(theSecret, claims(jwt.MapClaims{"exp": nil})))),
				refused("an expiry that is no number", "", step(signed(theSecret, claims(jwt.MapClaims{"exp": "never"})))),
				refused("a token without a signature", "invalid signing method",
					step(signedBy(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(nil)))),
			}},
		{Name: "token of a secret in a file", Routes: []string{"/token", "/token/validate"},
			Settings: []string{"--config-path=${dir}"}, Prepare: writeFiles("config.yaml", "jwt-secret: "+theSecret+"\n"),
			Needs: []Capability{Files}, Cases: []Case{
				it("is signed with it", post("/token", "").want(issued("anonymous"), signedWith(theSecret))),
			}},
	}
}

// unauthorized is the answer to a request without a valid token (RFC 6750 section 3).
func unauthorized(message string) check {
	return all(errorObject(401, message), given(Challenge, header("WWW-Authenticate", "Bearer")))
}

// bearing saves what is to be sent as a token as ${jwt}.
func bearing(token string) Step {
	return step(func(s *session) error {
		s.vars["jwt"] = token
		return nil
	})
}

// issued checks that the answer holds a token for name as podinfo issues it.
func issued(name string) check {
	return all(status(200), textKeys("token", "expires_at"), func(x *exchange) error {
		token, err := x.field("token")
		if err != nil {
			return err
		}
		parts := strings.Split(token, ".")
		if len(parts) != 3 {
			return fmt.Errorf("the token has %d parts, want 3", len(parts))
		}
		head, headErr := base64.RawURLEncoding.DecodeString(parts[0])
		payload, payloadErr := base64.RawURLEncoding.DecodeString(parts[1])
		if err := errors.Join(headErr, payloadErr); err != nil {
			return fmt.Errorf("the token is not base64: %w", err)
		}
		if err := differ("the head of the token", string(head), `{"alg":"HS256","typ":"JWT"}`); err != nil {
			return err
		}
		var claims struct {
			Name   string `json:"name"`
			Issuer string `json:"iss"`
			Expiry int64  `json:"exp"`
		}
		if err := json.Unmarshal(payload, &claims); err != nil {
			return fmt.Errorf("the claims of the token: %w", err)
		}
		left := time.Until(time.Unix(claims.Expiry, 0))
		if left < 20*time.Second || left > 65*time.Second { // the clocks of client and server may differ a little
			return fmt.Errorf("the token expires in %s, want a minute", left.Round(time.Second))
		}
		return errors.Join(differ("the name in the token", claims.Name, name),
			differ("the issuer in the token", claims.Issuer, "podinfo"),
			fieldIs("expires_at", time.Unix(claims.Expiry, 0).UTC().Format(time.RFC3339))(x))
	})
}

// signedWith checks the signature of the token in the answer.
func signedWith(secret string) check {
	return func(x *exchange) error {
		token, err := x.field("token")
		if err != nil {
			return err
		}
		_, err = jwt.Parse(token, func(*jwt.Token) (any, error) { return []byte(secret), nil })
		if err != nil {
			return fmt.Errorf("the token is not signed with the secret that was set: %w", err)
		}
		return nil
	}
}

// fromNow returns a time as JWT has it.
func fromNow(d time.Duration) func() any { return func() any { return time.Now().Add(d).Unix() } }

// claims returns those of a good token, changed; nil removes a claim, a function is called for its value.
func claims(change jwt.MapClaims) func() jwt.MapClaims {
	return func() jwt.MapClaims {
		good := jwt.MapClaims{"name": "conformance", "iss": "podinfo", "exp": fromNow(time.Minute)()}
		maps.Copy(good, change)
		for name, value := range good {
			switch value := value.(type) {
			case nil:
				delete(good, name)
			case func() any:
				good[name] = value()
			}
		}
		return good
	}
}

// signed makes a token and saves it as ${jwt}.
func signed(secret string, claims func() jwt.MapClaims) func(*session) error {
	return signedBy(jwt.SigningMethodHS256, []byte(secret), claims)
}

func signedBy(method jwt.SigningMethod, key any, claims func() jwt.MapClaims) func(*session) error {
	return func(s *session) error {
		token, err := jwt.NewWithClaims(method, claims()).SignedString(key)
		if err != nil {
			return fmt.Errorf("signing a token: %w", err)
		}
		s.vars["jwt"] = token
		return nil
	}
}

// tampered takes a good token, gives it another name and leaves the signature as it was.
func tampered(s *session) error {
	if err := post("/token", "mallory").want(issued("mallory"), save("jwt", "token")).do(s); err != nil {
		return err
	}
	parts := strings.Split(s.vars["jwt"], ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	other := strings.Replace(string(payload), "mallory", "administrator", 1)
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(other))
	s.vars["jwt"] = strings.Join(parts, ".")
	return nil
}
