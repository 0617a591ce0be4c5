package handlers

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/podinfo-targets/podinfo/shared/cache"
	"github.com/podinfo-targets/podinfo/shared/plugin/admin"
	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/store"
	"github.com/podinfo-targets/podinfo/shared/token"
)

// Header values that every answer of a kind shares. A slice assigned to a header map costs no allocation, where
// Header.Set makes one each time; net/http only reads it.
var (
	jsonType  = []string{"application/json; charset=utf-8"}
	rawType   = []string{"application/octet-stream"}
	nosniff   = []string{"nosniff"}
	noContent = []string{"default-src 'none'"} // raw bytes are a client's: a browser must not run them
	// A plugin may call its bytes a page: then a browser must not even let it send a form.
	sandbox = []string{"default-src 'none'; sandbox"}
)

var faultBody = []byte(`{"status":"fault injection enabled"}` + "\n")

// errOverdue comes beside whatever else went wrong with a request whose time was over.
var errOverdue = errors.New("the request was not finished before the platform's deadline for it")

// Errors of the requests themselves; the packages that do the work bring their own.
var (
	errBodyTooLarge = errors.New("request body too large")
	errBodyInvalid  = errors.New("invalid request body")
	errBodySlow     = errors.New("request body not received in time")
)

// errPluginUnavailable comes beside a *contract.UnavailableError, which is a type of error and no kind.
var errPluginUnavailable = errors.New("the plugin takes no calls now")

// lateAnswer is what there is to send the answer to a body that did not arrive in time.
const lateAnswer = 5 * time.Second

// statusClientGone is nginx's status for a request whose client left before the answer. No client reads it; it keeps
// the metrics and the log from taking the request for a success. The one that does read it has closed only its own end
// of the connection, which a server cannot tell from leaving.
const statusClientGone = 499

// failureKind is what a kind of error means to the client.
type failureKind struct {
	kind    error
	status  int
	message string
}

// failures maps the kinds of error to the status that the client gets, once for the whole API, and to a message where
// the failed operation's own would tell less.
var failures = []failureKind{
	{errOverdue, http.StatusGatewayTimeout, errOverdue.Error()},
	{errBodyTooLarge, http.StatusRequestEntityTooLarge, errBodyTooLarge.Error()},
	{errBodyInvalid, http.StatusBadRequest, errBodyInvalid.Error()},
	{errBodySlow, http.StatusRequestTimeout, errBodySlow.Error()},
	{cache.ErrOffline, http.StatusServiceUnavailable, "cache server is offline"},
	{cache.ErrUnavailable, http.StatusBadGateway, ""},
	{cache.ErrTooLarge, http.StatusRequestEntityTooLarge, "value too large for the cache"},
	{store.ErrInvalidHash, http.StatusBadRequest, "invalid hash"},
	{store.ErrNotFound, http.StatusNotFound, "file not found"},
	{store.ErrFull, http.StatusInsufficientStorage, "store is full"},
	{store.ErrTooLarge, http.StatusRequestEntityTooLarge, "file too large for the store"},
	{token.ErrInvalid, http.StatusUnauthorized, ""},
	{admin.ErrForbidden, http.StatusForbidden, ""},
	{contract.ErrNotFound, http.StatusNotFound, ""},
	{contract.ErrAmbiguous, http.StatusBadRequest, ""},
	{contract.ErrInvalid, http.StatusBadRequest, ""},
	{contract.ErrTooLarge, http.StatusRequestEntityTooLarge, ""},
	{contract.ErrRefused, http.StatusUnprocessableEntity, ""},
	{contract.ErrReloading, http.StatusConflict, ""},
	{contract.ErrReadOnly, http.StatusConflict, ""},
	{contract.ErrBusy, http.StatusTooManyRequests, ""},
	{contract.ErrDied, http.StatusBadGateway, ""},
	{contract.ErrAnswer, http.StatusBadGateway, ""},
	{contract.ErrBroken, http.StatusBadGateway, ""},
	{errPluginUnavailable, http.StatusServiceUnavailable, ""},
	{contract.ErrTimeout, http.StatusGatewayTimeout, ""},
}

// failure is the body of every error.
type failure struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// fail answers with what err means to the client; doing names the operation, in the words that the client reads when
// the kind of error has none of its own. The cause stays in the log. Once the time for the request is over that is the
// cause, whatever came of it on the way.
func fail(w http.ResponseWriter, r *http.Request, doing string, err error) {
	if overdue(r.Context()) {
		err = errors.Join(errOverdue, err)
	}
	known, _ := failureOf(err)
	status, message := cmp.Or(known.status, http.StatusInternalServerError), cmp.Or(known.message, doing)
	if errors.Is(err, errBodyTooLarge) {
		w.Header().Set("Connection", "close") // What is left of the body would be read as the next request.
	}
	if errors.Is(err, errBodySlow) {
		// The time to answer began with the request, as that to read it did, and is over too.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(lateAnswer))
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer") // RFC 9110 §15.5.2 and RFC 6750 §3
	}
	WriteError(w, status, message)
}

// failureOf returns what err means to the client, if it is of a kind that the API knows.
func failureOf(err error) (f failureKind, known bool) {
	for _, f := range failures {
		if errors.Is(err, f.kind) {
			return f, true
		}
	}
	return failureKind{}, false
}

// WriteError answers with the error object under its own status. Targets answer so what they do not pass on.
func WriteError(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, failure{Code: status, Message: message})
}

// ended answers a request that ended while its answer was waited for: its time was over, or its client left.
func ended(w http.ResponseWriter, r *http.Request) {
	if overdue(r.Context()) {
		WriteError(w, http.StatusGatewayTimeout, errOverdue.Error())
		return
	}
	WriteError(w, statusClientGone, "client closed the connection before the answer")
}

// forbidden serves the routes that a read-only API refuses.
func forbidden(w http.ResponseWriter, _ *http.Request) {
	WriteError(w, http.StatusForbidden, "this server is read-only (--read-only or PODINFO_READ_ONLY); "+
		"start it without to end it or to turn its switches")
}

// notImplemented serves the routes of a capability that the platform withholds.
func notImplemented(reason string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { WriteError(w, http.StatusNotImplemented, reason) }
}

// writeJSON answers with v, indented by two spaces and with HTML's characters escaped.
func writeJSON(w http.ResponseWriter, status int, v any) {
	sendJSON(w, status, mustJSON(v))
}

// sendJSON answers with a body that is JSON already.
func sendJSON(w http.ResponseWriter, status int, body []byte) {
	setJSON(w)
	send(w, status, body)
}

func setJSON(w http.ResponseWriter) {
	h := w.Header()
	h["Content-Type"] = jsonType
	h["X-Content-Type-Options"] = nosniff
}

// sendRaw answers with a client's own bytes, labelled so that no browser takes them for a page.
func sendRaw(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h["Content-Type"] = rawType
	h["X-Content-Type-Options"] = nosniff
	h["Content-Security-Policy"] = noContent
	send(w, status, body)
}

// serverBuffer is the size up to which net/http counts a body by itself (its write buffer), so that the header need
// not be set.
const serverBuffer = 2048

func send(w http.ResponseWriter, status int, body []byte) {
	if len(body) > serverBuffer {
		w.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	if status != http.StatusOK {
		w.WriteHeader(status)
	}
	// It fails when the client is gone, and then there is nobody to tell. Every answer has its type, and nosniff.
	_, _ = w.Write(body) //nolint:gosec // see above: no browser takes it for a page
}
