package handlers

import (
	"net/http"

	"github.com/gorilla/mux"
)

// writeStore answers POST and PUT /store by keeping the body under the SHA-1 of its content.
func (a *API) writeStore(w http.ResponseWriter, r *http.Request) {
	buf := borrowBuffer()
	defer returnBuffer(buf)
	if err := a.readBody(w, r, buf); err != nil {
		fail(w, r, "reading the request body failed", err)
		return
	}
	hash, err := a.deps.Store.Put(buf.Bytes())
	if err != nil {
		a.warn(r, "writing file failed", err)
		fail(w, r, "writing file failed", err)
		return
	}
	writeJSON(w, http.StatusAccepted, map[string]string{"hash": hash})
}

// readStore answers GET /store/{hash} with the content kept under hash. The status is 202, not 200: clients of podinfo
// have come to rely on it.
func (a *API) readStore(w http.ResponseWriter, r *http.Request) {
	hash := mux.Vars(r)["hash"]
	data, err := a.deps.Store.Get(hash)
	if err != nil {
		a.deps.Log.WithContext(r.Context()).WithError(err).WithField("file", hash).Warn("reading file failed")
		fail(w, r, "reading file failed", err)
		return
	}
	sendRaw(w, http.StatusAccepted, data)
}
