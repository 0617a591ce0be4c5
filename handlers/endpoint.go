package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel/trace"

	"github.com/podinfo-targets/podinfo/shared/env"
	"github.com/podinfo-targets/podinfo/shared/telemetry"
)

// unmatchedLabel is the one path label of requests that no route takes, so that scanners cannot grow the metrics.
const unmatchedLabel = "unmatched"

// endpoint is a route made ready to serve: bound to its API, wrapped once, its metrics resolved.
type endpoint struct {
	api     *API
	serve   func(http.ResponseWriter, *http.Request)
	metrics *telemetry.Route
	shield  bool
}

// endpoint wraps a route once, at registration, with everything that happens around a handler.
func (a *API) endpoint(rt route) http.Handler {
	serve := func(w http.ResponseWriter, r *http.Request) { rt.serve(a, w, r) }
	if rt.admin {
		serve = a.operator(serve)
	}
	if rt.guard && a.deps.ReadOnly {
		serve = forbidden
	}
	if reason, withheld := a.deps.Withheld[rt.needs]; withheld && rt.needs != "" {
		serve = notImplemented(reason)
	}
	e := &endpoint{
		api:     a,
		serve:   serve,
		metrics: a.deps.Metrics.Route(rt.metricLabel(a.deps.Prefix)),
		shield:  rt.shield,
	}
	return a.deps.Providers.Handler(a.deps.Prefix+plainTemplate(rt.path), e)
}

// unmatched wraps the answer to a request that no route takes: it is observed, never disturbed.
func (a *API) unmatched(h http.Handler) http.Handler {
	return &endpoint{
		api:     a,
		serve:   h.ServeHTTP,
		metrics: a.deps.Metrics.Route(unmatchedLabel),
		shield:  true,
	}
}

// ServeHTTP observes the request, whatever becomes of it, and lets the handler answer it.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	if e.api.deps.Log.IsLevelEnabled(logrus.DebugLevel) {
		e.api.logStarted(r)
	}
	resp := newResponse(w)
	defer e.finish(resp, r, start)
	if !e.shield && e.api.disturb(resp, r) {
		return
	}
	e.serve(resp, r)
}

// finish runs after the handler, also when it panicked: it answers 500 if nothing was sent yet, counts and logs.
func (e *endpoint) finish(resp *response, r *http.Request, start time.Time) {
	cause := recover()
	cut := cause != nil && e.api.panicked(resp, r, cause)
	elapsed := time.Since(start)
	if resp.hijacked {
		e.metrics.Count(r.Context(), r.Method, resp.Status())
	} else {
		e.metrics.Observe(r.Context(), r.Method, resp.Status(), elapsed.Seconds())
	}
	if e.api.deps.LogRequests {
		e.api.logFinished(r, resp, elapsed)
	}
	resp.release()
	if cut {
		panic(http.ErrAbortHandler) // The server closes the connection: the client must not take the answer for whole.
	}
}

// panicked turns a handler's panic into an answer, so that one request's fault is not another's. It reports whether
// it came too late for that, because part of another answer was sent.
func (a *API) panicked(resp *response, r *http.Request, cause any) (cut bool) {
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		return true
	}
	a.deps.Log.WithContext(r.Context()).WithFields(logrus.Fields{
		"error": fmt.Sprint(cause), "method": r.Method, "uri": r.URL.Path, "stack": string(debug.Stack()),
	}).Error("handler panicked")
	if resp.wroteHeader || resp.hijacked {
		return true
	}
	WriteError(resp, http.StatusInternalServerError, "internal server error")
	return false
}

// disturb applies the faults that are switched on. It reports whether it answered the request itself.
func (a *API) disturb(w http.ResponseWriter, r *http.Request) bool {
	f := a.deps.Faults
	if f.Enabled() {
		setJSON(w)
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write(faultBody)
		return true
	}
	if !f.Random() {
		return false
	}
	if delay := f.Delay(); delay > 0 {
		a.extendDeadlines(w, delay)
		if !wait(r.Context(), delay) {
			ended(w, r)
			return true
		}
	}
	if status := f.Status(); status != 0 {
		w.WriteHeader(status)
		return true
	}
	return false
}

func (a *API) logStarted(r *http.Request) {
	a.deps.Log.WithContext(r.Context()).WithFields(requestFields(r)).Debug("request started")
}

func (a *API) logFinished(r *http.Request, resp *response, elapsed time.Duration) {
	a.deps.Log.WithContext(r.Context()).WithFields(requestFields(r)).WithFields(logrus.Fields{
		"status": resp.Status(), "bytes": resp.bytes, "duration": elapsed.Seconds(),
	}).Info("request finished")
}

// requestFields says which request a line is about: its trace, when it is traced, and its URI without the secrets that
// clients put into a query.
func requestFields(r *http.Request) logrus.Fields {
	fields := logrus.Fields{
		"proto": r.Proto, "uri": env.Redact(r.RequestURI), "method": r.Method, "remote": r.RemoteAddr,
		"user-agent": r.UserAgent(),
	}
	if span := trace.SpanContextFromContext(r.Context()); span.HasTraceID() {
		fields["trace_id"] = span.TraceID().String()
	}
	return fields
}
