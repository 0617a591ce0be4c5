package handlers

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"github.com/podinfo-targets/podinfo/handlers/ui"
)

// index answers GET /: the web page for browsers, which all call themselves Mozilla, and /api/info for everyone else.
func (a *API) index(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "User-Agent")
	if !strings.HasPrefix(r.UserAgent(), "Mozilla") {
		a.info(w, r)
		return
	}
	a.page(w, r)
}

// page answers with the web page.
func (a *API) page(w http.ResponseWriter, r *http.Request) {
	id := a.deps.Identity
	buf := borrowBuffer()
	defer returnBuffer(buf)
	err := a.deps.UI.Render(buf, ui.Page{
		Title: id.Hostname, Logo: id.Logo, Prefix: a.deps.Prefix, Color: id.Color,
		Message: id.Message, Version: id.Version, Revision: id.Revision,
	})
	if err != nil {
		a.warn(r, "rendering the page failed", err)
		http.Error(w, "the page could not be rendered", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	if policy := a.deps.UI.ContentSecurityPolicy(); policy != "" {
		h.Set("Content-Security-Policy", policy)
	}
	send(w, http.StatusOK, buf.Bytes())
}

// asset answers GET /ui/{file} with a file of the web page.
func (a *API) asset(w http.ResponseWriter, r *http.Request) {
	data, contentType, tag, ok := a.deps.UI.Asset(strings.TrimPrefix(r.URL.Path, a.deps.Prefix+"/ui/"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h["X-Content-Type-Options"] = nosniff
	h.Set("Cache-Control", "no-cache") // Ask again each time: the tag makes that cheap, and an update shows at once.
	h.Set("ETag", tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

// version answers GET /version with the build's version and commit.
func (a *API) version(w http.ResponseWriter, _ *http.Request) {
	sendJSON(w, http.StatusOK, a.fixed.version)
}

// info answers GET /api/info with what the process says about itself.
func (a *API) info(w http.ResponseWriter, _ *http.Request) {
	buf := borrowBuffer()
	defer returnBuffer(buf)
	a.fixed.info().render(buf)
	sendJSON(w, http.StatusOK, buf.Bytes())
}

// env answers /env with the process's variables, secrets masked.
func (a *API) env(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, a.deps.Environ())
}

// headers answers /headers with the request's own header fields, sorted, and the version that podinfo adds to a
// request it hands on.
func (a *API) headers(w http.ResponseWriter, r *http.Request) {
	buf := borrowBuffer()
	defer returnBuffer(buf)
	buf.Write(appendHeaderJSON(buf.AvailableBuffer(), r.Header, a.fixed.headers...))
	sendJSON(w, http.StatusOK, buf.Bytes())
}

// configs answers GET /configs with the mounted configuration files.
func (a *API) configs(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, a.deps.Configs())
}

// metrics answers /metrics with the process's own metrics in Prometheus' text format.
func (a *API) metrics(w http.ResponseWriter, r *http.Request) {
	a.deps.Metrics.Handler().ServeHTTP(w, r)
}

// panic answers GET /panic by ending the process with exit code 255.
func (a *API) panic(_ http.ResponseWriter, r *http.Request) {
	a.deps.Log.WithContext(r.Context()).Info("Panic command received")
	a.deps.Exit(255)
}

// warn logs an operation that failed for a reason that the client is not told.
func (a *API) warn(r *http.Request, msg string, err error) {
	a.deps.Log.WithContext(r.Context()).WithError(err).Warn(msg)
}
