package rpc

import (
	"context"
	"runtime/debug"
	"strings"
	"time"

	grpcprom "github.com/grpc-ecosystem/go-grpc-middleware/providers/prometheus"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/metric/noop"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/podinfo-targets/podinfo/shared/telemetry"
)

// What one client can take of the server.
const (
	// maxMessage bounds a request in bytes. It is gRPC's own default for both sides: a client that sends more could not
	// read the echo of it.
	maxMessage = 4 << 20
	// maxHeader bounds the metadata of a call in bytes, as net/http does for requests.
	maxHeader = 1 << 20
	// maxStreams bounds the calls in flight on one connection; more of them wait in the client. It is the limit of Go's
	// HTTP/2 server.
	maxStreams = 250
	// handshakeTimeout is how long a new connection may take until it has spoken HTTP/2.
	handshakeTimeout = 10 * time.Second
	// idleTimeout closes connections that carry no call for so long; clients dial again when they need one.
	idleTimeout = 15 * time.Minute
	// pingAfter and pingTimeout find peers that vanished without a word, so that their streams do not stay for good.
	pingAfter   = time.Minute
	pingTimeout = 20 * time.Second
	// minPingInterval is how often a client may ping; one that pings more often loses its connection
	// (https://github.com/grpc/grpc/blob/master/doc/keepalive.md).
	minPingInterval = 10 * time.Second
)

// options are the limits, and what surrounds every call: from outside inwards, the trace, the metrics (so that they
// count a recovered panic as the Internal that the client sees), the bookkeeping for Shutdown, and the recovery.
func (s *Server) options(d Deps) []grpc.ServerOption {
	options := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxHeaderListSize(maxHeader),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: idleTimeout,
			Time:              pingAfter,
			Timeout:           pingTimeout,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime:             minPingInterval,
			PermitWithoutStream: true,
		}),
		grpc.WaitForHandlers(true),
	}
	if d.Providers != nil {
		options = append(options, grpc.StatsHandler(tracing(d.Providers)))
	}
	if d.Metrics != nil {
		metrics := grpcprom.NewServerMetrics(grpcprom.WithServerHandlingTimeHistogram())
		d.Metrics.MustRegister(metrics)
		options = append(options,
			grpc.ChainUnaryInterceptor(metrics.UnaryServerInterceptor()),
			grpc.ChainStreamInterceptor(metrics.StreamServerInterceptor()))
	}
	recovered := recovery.WithRecoveryHandlerContext(answerPanic(d.Log))
	options = append(options,
		grpc.ChainUnaryInterceptor(s.countCall, recovery.UnaryServerInterceptor(recovered)),
		grpc.ChainStreamInterceptor(s.endAtStop, recovery.StreamServerInterceptor(recovered)))
	if d.Plugins == nil {
		options = append(options, grpc.ChainUnaryInterceptor(withoutPlugins))
	}
	return options
}

// tracing makes a span of every call but those of the health service, which probes repeat for ever and nobody looks up.
// Metrics are left to Prometheus.
func tracing(p *telemetry.Providers) stats.Handler {
	return otelgrpc.NewServerHandler(
		otelgrpc.WithTracerProvider(p.TracerProvider()),
		otelgrpc.WithPropagators(p.Propagator()),
		otelgrpc.WithMeterProvider(noop.NewMeterProvider()),
		otelgrpc.WithFilter(func(call *stats.RPCTagInfo) bool {
			return !strings.HasPrefix(call.FullMethodName, "/grpc.health.v1.Health/")
		}),
	)
}

// answerPanic returns the last resort for a defect in a handler: the log gets the whole story, the client Internal, and
// the process goes on.
func answerPanic(log *logrus.Logger) recovery.RecoveryHandlerFuncContext {
	return func(ctx context.Context, cause any) error {
		method, _ := grpc.Method(ctx)
		log.WithContext(ctx).WithFields(logrus.Fields{
			"method":     method,
			"error":      cause,
			"stacktrace": string(debug.Stack()),
		}).Error("gRPC handler panicked")
		return status.Error(codes.Internal, "the server failed to handle this call; its log tells why")
	}
}
