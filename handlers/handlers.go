// Package handlers is podinfo's whole HTTP API as one http.Handler, the same on every platform.
//
// New builds it from explicit dependencies, so that two of them with different settings live side by side in one
// process. A request takes the same way each time: ServeHTTP finds the endpoint (dispatch.go), the endpoint observes,
// bounds and, where told to, disturbs the request (endpoint.go), and the handler in the file of its group does the
// work and answers through response.go. The table in routes.go names every route once.
package handlers

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/handlers/openapi"
	"github.com/podinfo-targets/podinfo/handlers/ui"
	"github.com/podinfo-targets/podinfo/shared/backend"
	"github.com/podinfo-targets/podinfo/shared/cache"
	"github.com/podinfo-targets/podinfo/shared/faults"
	"github.com/podinfo-targets/podinfo/shared/health"
	"github.com/podinfo-targets/podinfo/shared/info"
	"github.com/podinfo-targets/podinfo/shared/plugin/admin"
	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/store"
	"github.com/podinfo-targets/podinfo/shared/telemetry"
	"github.com/podinfo-targets/podinfo/shared/token"
)

// Deps is everything that the API works with. All fields are needed except where it is said.
type Deps struct {
	Identity info.Identity
	// Prefix is the normalised path prefix of all routes: empty, or with a leading and no trailing slash.
	Prefix string
	// MaxBody is the largest request body accepted, in bytes.
	MaxBody int64
	// ServerTimeout is the read and write timeout of the server around the API. A request that means to take longer
	// moves its own deadlines; /chunked without a number waits less than it.
	ServerTimeout time.Duration
	// LogRequests logs every answered request at info.
	LogRequests bool
	// ReadOnly refuses the routes that end the process or turn a switch.
	ReadOnly bool

	Environ func() []string          // the process's variables, secrets already masked
	Configs func() map[string]string // the mounted configuration files by name
	Exit    func(code int)           // ends the process; /panic calls it

	Log       *logrus.Logger
	Metrics   *telemetry.Metrics
	Providers *telemetry.Providers // nil when tracing is off
	Health    *health.State
	Faults    *faults.Injector
	Cache     cache.Cache
	Store     *store.Store
	Tokens    *token.Issuer
	Backends  *backend.Client
	UI        *ui.UI

	Plugins       contract.Manager // nil where the capability Plugins is withheld
	PluginAdmin   admin.Gate       // for those who may reload, kill, start and delete them
	PluginTimeout time.Duration    // the longest that a plugin takes for a call

	// Withheld names the capabilities that the platform cannot offer, each with the reason in a sentence. Their
	// routes answer 501 and say why.
	Withheld map[Capability]string
}

// Capability is something that a route needs and that not every platform has.
type Capability string

// The capabilities that a target may withhold.
const (
	Cache       Capability = "cache"        // a key-value store
	Exit        Capability = "exit"         // a process that may be ended
	Filesystem  Capability = "filesystem"   // a writable directory
	Streaming   Capability = "streaming"    // answers delivered as they are written
	Websocket   Capability = "websocket"    // connections that outlive their request
	GRPC        Capability = "grpc"         // remote procedure calls; served beside the API where they are
	LocalMetric Capability = "local-metric" // metrics kept by this process
	Plugins     Capability = "plugins"      // programs run beside this one
)

// API is the HTTP API: an http.Handler, built by New and ended by Shutdown.
type API struct {
	deps     Deps
	router   func() *mux.Router
	literals map[string]*literal
	notFound http.Handler
	wrong    http.Handler // for a known path with a method it does not take
	noGRPC   http.Handler // for gRPC, nil where the platform does not withhold it
	fixed    fixedAnswers
	docs     *openapi.Documents
	sockets  sockets
}

// New builds the API. The handler it returns is safe for concurrent use.
func New(deps Deps) *API {
	a := &API{deps: deps, docs: openapi.New(deps.Prefix)}
	a.fixed = newFixedAnswers(deps.Identity)
	a.sockets.init()
	a.register()
	return a
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if a.noGRPC != nil && isGRPC(r) {
		a.noGRPC.ServeHTTP(w, r)
		return
	}
	a.dispatch(w, r)
}

// isGRPC tells a call over gRPC by its content type, application/grpc with or without what follows it. See
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md.
func isGRPC(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
}

// Shutdown tells every open websocket to go away (RFC 6455 §7.4.1, code 1001) and waits for them until ctx ends, when
// it closes what is left. It returns how many it had to cut. Other requests are the server's to wait for.
func (a *API) Shutdown(ctx context.Context) int {
	return a.sockets.shutdown(ctx)
}
