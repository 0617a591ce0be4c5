package handlers

import (
	"errors"
	"net/http"

	"github.com/gorilla/mux"

	"github.com/podinfo-targets/podinfo/shared/cache"
)

// readCache answers GET /cache/{key} with the bytes stored under key, or 404.
func (a *API) readCache(w http.ResponseWriter, r *http.Request) {
	key := mux.Vars(r)["key"]
	value, err := a.deps.Cache.Get(r.Context(), key)
	switch {
	case errors.Is(err, cache.ErrNotFound):
		a.deps.Log.WithContext(r.Context()).WithField("key", key).Warn("cache key not found")
		w.WriteHeader(http.StatusNotFound)
	case err != nil:
		a.cacheFailed(w, r, "cache get failed", err)
	default:
		sendRaw(w, http.StatusOK, value)
	}
}

// writeCache answers POST and PUT /cache/{key} by storing the body under key, without an expiry.
func (a *API) writeCache(w http.ResponseWriter, r *http.Request) {
	buf := borrowBuffer()
	defer returnBuffer(buf)
	if err := a.readBody(w, r, buf); err != nil {
		fail(w, r, "reading the request body failed", err)
		return
	}
	if err := a.deps.Cache.Set(r.Context(), mux.Vars(r)["key"], buf.Bytes(), 0); err != nil {
		a.cacheFailed(w, r, "cache set failed", err)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// deleteCache answers DELETE /cache/{key}; a key that is not there is deleted already.
func (a *API) deleteCache(w http.ResponseWriter, r *http.Request) {
	if err := a.deps.Cache.Delete(r.Context(), mux.Vars(r)["key"]); err != nil {
		a.cacheFailed(w, r, "cache delete failed", err)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// cacheFailed logs and answers an operation that the cache could not do.
func (a *API) cacheFailed(w http.ResponseWriter, r *http.Request, doing string, err error) {
	a.warn(r, doing, err)
	fail(w, r, doing, err)
}
