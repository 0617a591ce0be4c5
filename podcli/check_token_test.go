package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

func TestCheckToken(t *testing.T) {
	t.Parallel()
	cert := testkit.NewCertificate(t)
	plain := testkit.StartPodinfo(t)
	inner := testkit.StartPodinfo(t, "--prefix=/inner", "--cert-path="+filepath.Dir(cert.CertFile))
	for _, test := range []struct {
		name  string
		url   string
		flags []string
	}{
		{"at the root", plain.URL, nil},
		{"at the root, with a slash", plain.URL + "/", nil},
		{"below a prefix", inner.URL + "/inner", nil},
		{"over TLS of a known authority", inner.SecureURL + "/inner", []string{"--ca-file=" + cert.CertFile}},
		{"over TLS of an unknown one", inner.SecureURL + "/inner", []string{"--insecure"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := podcli("", append([]string{"check", "token", test.url}, test.flags...)...)
			wantCheck(t, r, 0, map[string]any{"address": test.url, "token_name": "podcli", "expires_at": "*"})
		})
	}
	t.Run("beside the prefix", func(t *testing.T) {
		t.Parallel()
		wantCheck(t, podcli("", "check", "token", inner.URL), 1,
			map[string]any{"address": inner.URL, "error": "POST /token has the status code 404, not 200"})
	})
}

// A server may say anything, the token included; none of it may reach a log.
func TestCheckTokenFailsWithoutShowingTheToken(t *testing.T) {
	t.Parallel()
	const issued = `{"token":"s3cr3t","expires_at":"2030-01-01T00:00:00Z"}`
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}
	redirect := http.RedirectHandler("/elsewhere/s3cr3t", http.StatusTemporaryRedirect).ServeHTTP
	for _, test := range []struct {
		name            string
		issue, validate http.HandlerFunc
		want            string
	}{
		{"nothing issued", answer(503, `{"code":503,"message":"s3cr3t"}`), nil,
			"POST /token has the status code 503, not 200"},
		{"another page", answer(200, `<p>s3cr3t</p>`), nil, "the answer to POST /token holds no token"},
		{"an empty token", answer(200, `{"token":""}`), nil, "the answer to POST /token holds no token"},
		{"a token that is no header", answer(200, `{"token":"s3cr3t\n"}`), answer(200, `{"token_name":"podcli"}`), "*"},
		{"sent elsewhere", redirect, nil, "POST /token has the status code 307, not 200"},
		{"refused", answer(200, issued), answer(401, `{"message":"s3cr3t is expired"}`),
			"GET /token/validate has the status code 401, not 200"},
		{"sent elsewhere with the token", answer(200, issued), redirect,
			"GET /token/validate has the status code 307, not 200"},
		{"another's name", answer(200, issued), answer(200, `{"token_name":"s3cr3t"}`),
			"the answer to GET /token/validate does not name podcli, whom the token is for"},
		{"validated by another page", answer(200, issued), answer(200, `s3cr3t`),
			"the answer to GET /token/validate does not name podcli, whom the token is for"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			mux := http.NewServeMux()
			mux.HandleFunc("POST /token", test.issue)
			if test.validate != nil {
				mux.HandleFunc("GET /token/validate", test.validate)
			}
			server := httptest.NewServer(mux)
			t.Cleanup(server.Close)
			r := podcli("", "check", "token", server.URL)
			wantCheck(t, r, 1, map[string]any{"address": server.URL, "error": test.want})
			if strings.Contains(r.stderr, "s3cr3t") {
				t.Errorf("the log shows the token: %s", r.stderr)
			}
		})
	}
}
