package rpc

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"github.com/podinfo-targets/podinfo/rpc/pb/delaypb"
	"github.com/podinfo-targets/podinfo/rpc/pb/echopb"
	"github.com/podinfo-targets/podinfo/rpc/pb/envpb"
	"github.com/podinfo-targets/podinfo/rpc/pb/headerpb"
	"github.com/podinfo-targets/podinfo/rpc/pb/infopb"
	"github.com/podinfo-targets/podinfo/rpc/pb/panicpb"
	"github.com/podinfo-targets/podinfo/rpc/pb/pluginpb"
	"github.com/podinfo-targets/podinfo/rpc/pb/statuspb"
	"github.com/podinfo-targets/podinfo/rpc/pb/tokenpb"
	"github.com/podinfo-targets/podinfo/rpc/pb/versionpb"
	"github.com/podinfo-targets/podinfo/shared/info"
	"github.com/podinfo-targets/podinfo/shared/plugin/admin"
	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/telemetry"
	"github.com/podinfo-targets/podinfo/shared/token"
)

// Deps is what the services need. A field is required unless its comment says otherwise.
type Deps struct {
	// Identity is what the info and version services tell.
	Identity info.Identity
	// ServiceName is the name that the health service knows beside "", which stands for the whole server.
	ServiceName string
	// Environ returns the environment as the env service may show it, that is, with secrets already masked.
	Environ func() []string
	// Tokens issues and checks the tokens of the token service.
	Tokens *token.Issuer
	// Log receives what is worth telling: echoed bodies, the panic command, recovered panics.
	Log *logrus.Logger
	// Metrics is where the families grpc_server_* are registered, once per registry. Nil means no metrics.
	Metrics prometheus.Registerer
	// Providers trace the calls. Nil means no traces, at no cost.
	Providers *telemetry.Providers
	// Exit ends the process for the panic service. Nil means that callers may not do that: PermissionDenied.
	Exit func(code int)
	// Plugins is what the plugin service converts values by. Nil means that the server runs none: Unimplemented.
	Plugins contract.Manager
	// PluginAdmin lets those pass who may reload, kill, start and delete plugins. The zero value lets nobody pass.
	PluginAdmin admin.Gate
}

// Server serves the gRPC API. NewServer makes one.
type Server struct {
	grpc   *grpc.Server
	health *health.Server
	conns  connections

	calls   atomic.Int64   // unary calls in flight
	open    atomic.Int64   // streams in flight
	streams sync.WaitGroup // goroutines of streams, see endAtStop

	mu       sync.Mutex
	stopping chan struct{}  // closed, holding mu, when Shutdown begins
	adopted  sync.WaitGroup // calls in ServeHTTP; grows holding mu, and only before stopping is closed
}

// NewServer returns a server with every service registered. It opens nothing and starts nothing. It panics when
// d.Metrics already holds the metrics of another server.
func NewServer(d Deps) *Server {
	s := &Server{health: health.NewServer(), stopping: make(chan struct{})}
	s.grpc = grpc.NewServer(s.options(d)...)

	delaypb.RegisterDelayServiceServer(s.grpc, &delayService{})
	echopb.RegisterEchoServiceServer(s.grpc, &echoService{log: d.Log})
	envpb.RegisterEnvServiceServer(s.grpc, &envService{environ: d.Environ})
	headerpb.RegisterHeaderServiceServer(s.grpc, &headerService{})
	infopb.RegisterInfoServiceServer(s.grpc, &infoService{identity: d.Identity})
	panicpb.RegisterPanicServiceServer(s.grpc, &panicService{log: d.Log, exit: d.Exit})
	pluginpb.RegisterPluginServiceServer(s.grpc,
		&pluginService{plugins: d.Plugins, gate: d.PluginAdmin, log: d.Log})
	statuspb.RegisterStatusServiceServer(s.grpc, &statusService{})
	tokenpb.RegisterTokenServiceServer(s.grpc, &tokenService{issuer: d.Tokens})
	versionpb.RegisterVersionServiceServer(s.grpc, &versionService{identity: d.Identity})

	s.health.SetServingStatus(d.ServiceName, grpc_health_v1.HealthCheckResponse_SERVING)
	grpc_health_v1.RegisterHealthServer(s.grpc, s.health)
	reflection.Register(s.grpc)
	return s
}

// Serve accepts connections on l, in plain text, until Shutdown, which closes l and makes Serve return nil. Any other
// end is an error. It may be called for several listeners.
func (s *Server) Serve(l net.Listener) error {
	return s.grpc.Serve(&listener{Listener: l, conns: &s.conns})
}

// ServeHTTP serves one gRPC call that an HTTP/2 server received, for targets that have a single port. The limits on
// connections and streams are then those of that server, and so is its write timeout, which would cut a long call. A
// call that arrives after Shutdown began is answered Unavailable.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.adopt() {
		refuse(w)
		return
	}
	defer s.adopted.Done()
	s.grpc.ServeHTTP(w, r)
}

// Streams is the number of streams in flight. They last as long as their clients like, or until Shutdown, so whoever
// waits for calls to be answered must not wait for them.
func (s *Server) Streams() int64 { return s.open.Load() }

// adopt counts a call of ServeHTTP in, unless the server is stopping.
func (s *Server) adopt() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.stopping:
		return false
	default:
		s.adopted.Add(1)
		return true
	}
}

// refuse answers Unavailable in the form that gRPC calls Trailers-Only: a header block without a body
// (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
func refuse(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Grpc-Status", "14")
	w.Header().Set("Grpc-Message", stoppingMessage)
	w.WriteHeader(http.StatusOK)
}
