package handlers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/value"
)

// manageTime is what a plugin may take to be started, reloaded or ended before the server's own timeout counts. The
// host has bounds of its own for each step.
const manageTime = time.Minute

// listPlugins answers GET /plugins with what there is to tell about every plugin.
func (a *API) listPlugins(w http.ResponseWriter, _ *http.Request) {
	list := a.deps.Plugins.List()
	if list == nil {
		list = []contract.Status{} // No plugins are an empty list, not null.
	}
	writeJSON(w, http.StatusOK, list)
}

// readPlugin answers GET /plugins/{name} with what there is to tell about one plugin.
func (a *API) readPlugin(w http.ResponseWriter, r *http.Request) {
	status, err := a.deps.Plugins.Get(mux.Vars(r)["name"])
	a.sendStatus(w, r, status, err)
}

// encodeWithPlugin answers POST /plugins/{name}/encode with what the plugin makes of the body.
func (a *API) encodeWithPlugin(w http.ResponseWriter, r *http.Request) {
	a.convert(w, r, conversion{a.deps.Plugins.Encode, value.FromJSON, a.encodedType})
}

// decodeWithPlugin answers POST /plugins/{name}/decode with the value that the plugin reads from the body.
func (a *API) decodeWithPlugin(w http.ResponseWriter, r *http.Request) {
	a.convert(w, r, conversion{a.deps.Plugins.Decode, value.EncodedFromJSON, func(string) string { return octets }})
}

// reloadPlugin answers POST /plugins/{name}/reload once the plugin runs from its file as it is now.
func (a *API) reloadPlugin(w http.ResponseWriter, r *http.Request) {
	a.manage(w, r, a.deps.Plugins.Reload)
}

// killPlugin answers POST /plugins/{name}/kill once the plugin is gone: connection, process and socket.
func (a *API) killPlugin(w http.ResponseWriter, r *http.Request) { a.manage(w, r, a.deps.Plugins.Kill) }

// startPlugin answers POST /plugins/{name}/start once the plugin serves.
func (a *API) startPlugin(w http.ResponseWriter, r *http.Request) {
	a.manage(w, r, a.deps.Plugins.Start)
}

// deletePlugin answers DELETE /plugins/{name} once the plugin is gone, and its file with it.
func (a *API) deletePlugin(w http.ResponseWriter, r *http.Request) {
	a.extendDeadlines(w, manageTime)
	if err := a.deps.Plugins.Delete(r.Context(), mux.Vars(r)["name"]); err != nil {
		a.pluginFailed(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// operator wraps a handler so that only those who show the admin token get to it.
func (a *API) operator(serve func(http.ResponseWriter, *http.Request)) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := a.deps.PluginAdmin.Check(r.Header.Get("Authorization")); err != nil {
			fail(w, r, err.Error(), err)
			return
		}
		serve(w, r)
	}
}

// manage answers with what became of the plugin.
func (a *API) manage(w http.ResponseWriter, r *http.Request,
	do func(context.Context, string) (contract.Status, error),
) {
	a.extendDeadlines(w, manageTime)
	status, err := do(r.Context(), mux.Vars(r)["name"])
	a.sendStatus(w, r, status, err)
}

func (a *API) sendStatus(w http.ResponseWriter, r *http.Request, status contract.Status, err error) {
	if err != nil {
		a.pluginFailed(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, status)
}

// conversion is one of the two directions in which a plugin turns values.
type conversion struct {
	call        func(ctx context.Context, name string, value any) (any, error)
	fromJSON    func(body []byte) (any, error)
	contentType func(name string) string // of the bytes that it answers
}

// convert gives the body to a plugin and answers with what comes of it.
func (a *API) convert(w http.ResponseWriter, r *http.Request, c conversion) {
	argument, err := a.readValue(w, r, c.fromJSON)
	if err != nil {
		a.pluginFailed(w, r, err)
		return
	}
	a.extendDeadlines(w, a.deps.PluginTimeout)
	name := mux.Vars(r)["name"]
	result, err := c.call(r.Context(), name, argument)
	if err != nil {
		a.pluginFailed(w, r, err)
		return
	}
	content, isBytes := result.([]byte)
	if isBytes && a.sendContent(w, r, c.contentType(name), content) {
		return
	}
	body, err := value.ToIndentedJSON(result)
	if err != nil {
		a.pluginFailed(w, r, err)
		return
	}
	sendJSON(w, http.StatusOK, body)
}

// readValue returns the value that the body stands for: what its JSON says, or the bytes that it is. Their buffer is
// not one of the pool, because a plugin that is late may still be given them when the request is answered.
func (a *API) readValue(w http.ResponseWriter, r *http.Request, fromJSON func([]byte) (any, error)) (any, error) {
	asJSON, err := isJSON(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	if err := a.readBody(w, r, &body); err != nil {
		return nil, err
	}
	if asJSON {
		return fromJSON(body.Bytes())
	}
	return body.Bytes(), nil
}

// isJSON tells JSON by its media type, application/json or one that ends in +json (RFC 6839 §3.1). A body without a
// type is bytes (RFC 9110 §8.3). One whose type cannot be read, such as a list that a proxy made of two, is refused,
// because it may be either.
func isJSON(contentType string) (bool, error) {
	if contentType == "" {
		return false, nil
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	readable := err == nil || errors.Is(err, mime.ErrInvalidMediaParameter)
	if !readable || !strings.Contains(mediaType, "/") {
		return false, fmt.Errorf("%w: the Content-Type %.64q is no media type; send application/json for a value, and "+
			"application/octet-stream or none for bytes", contract.ErrInvalid, contentType)
	}
	return mediaType == "application/json" || strings.HasSuffix(mediaType, "+json"), nil
}

// encodedType is the type of what the plugin encodes, as it says itself. What is no type is not passed on.
func (a *API) encodedType(name string) string {
	status, err := a.deps.Plugins.Get(name)
	if err != nil || status.Info == nil {
		return octets
	}
	if _, _, err := mime.ParseMediaType(status.Info.ContentType); err != nil {
		return octets
	}
	return status.Info.ContentType
}

// sendContent answers with a plugin's bytes as they are, unless the client would rather have JSON. It reports whether
// it answered.
func (a *API) sendContent(w http.ResponseWriter, r *http.Request, contentType string, content []byte) bool {
	h := w.Header()
	h.Add("Vary", "Accept")
	if prefersJSON(r.Header.Values("Accept"), contentType) {
		return false
	}
	h.Set("Content-Type", contentType)
	h["X-Content-Type-Options"] = nosniff
	h["Content-Security-Policy"] = sandbox
	send(w, http.StatusOK, content)
	return true
}

// pluginFailed answers what a plugin or its host could not do, in their words, which are for the client to read. An
// error of no known kind is the host's own affair, and goes to the log.
func (a *API) pluginFailed(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		ended(w, r)
		return
	}
	message := err.Error()
	if unavailable, ok := errors.AsType[*contract.UnavailableError](err); ok {
		setRetryAfter(w, unavailable.RetryAfter)
		err = errors.Join(errPluginUnavailable, err)
	}
	if errors.Is(err, contract.ErrBusy) {
		setRetryAfter(w, 0)
	}
	if _, known := failureOf(err); !known {
		a.warn(r, "plugin host failed", err)
		message = "the plugin host failed; its log tells why"
	}
	fail(w, r, message, err)
}

// setRetryAfter says when another try is worth it, in whole seconds and not at once (RFC 9110 §10.2.3).
func setRetryAfter(w http.ResponseWriter, after time.Duration) {
	seconds := max(1, int64(math.Ceil(after.Seconds())))
	w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
}
