package handlers

import "net/http"

// echo answers /echo and /api/echo, and all paths below them, with the request's own body; or, when backends are
// configured, with what each of them answered to that body.
func (a *API) echo(w http.ResponseWriter, r *http.Request) {
	buf := borrowBuffer()
	defer returnBuffer(buf)
	if err := a.readBody(w, r, buf); err != nil {
		fail(w, r, "reading the request body failed", err)
		return
	}
	w.Header()["X-Color"] = a.fixed.color
	if a.deps.Backends.Len() == 0 {
		sendRaw(w, http.StatusAccepted, buf.Bytes())
		return
	}
	answers := a.deps.Backends.Call(r.Context(), r.Header, buf.Bytes())
	if overdue(r.Context()) {
		ended(w, r) // The texts of the calls that it cut would read as if their backends had failed.
		return
	}
	writeJSON(w, http.StatusOK, answers)
}
