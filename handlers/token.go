package handlers

import (
	"net/http"
	"strings"
	"time"

	"github.com/podinfo-targets/podinfo/shared/token"
)

// issueToken answers POST /token with a signed JWT for the name in the body, or for anonymous.
func (a *API) issueToken(w http.ResponseWriter, r *http.Request) {
	buf := borrowBuffer()
	defer returnBuffer(buf)
	if err := a.readBody(w, r, buf); err != nil {
		fail(w, r, "reading the request body failed", err)
		return
	}
	issued, err := a.deps.Tokens.Issue(buf.String())
	if err != nil {
		a.warn(r, "issuing a token failed", err)
		fail(w, r, "issuing a token failed", err)
		return
	}
	writeJSON(w, http.StatusOK, issued)
}

// validateToken answers GET /token/validate with the name and the expiry that the bearer's token carries, or 401.
func (a *API) validateToken(w http.ResponseWriter, r *http.Request) {
	scheme, raw, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || strings.Contains(raw, " ") {
		fail(w, r, "authorization bearer header required", token.ErrInvalid)
		return
	}
	claims, err := a.deps.Tokens.Validate(raw)
	if err != nil {
		fail(w, r, err.Error(), err)
		return
	}
	writeJSON(w, http.StatusOK, struct {
		Name      string    `json:"token_name"`
		ExpiresAt time.Time `json:"expires_at"`
	}{claims.Name, claims.ExpiresAt})
}
