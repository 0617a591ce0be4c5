package wire

import (
	"context"
	"crypto/tls"
	"net"
	"sync"

	goplugin "github.com/hashicorp/go-plugin"
	"golang.org/x/net/netutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/wire/pb"
)

const (
	// maxCallbacks bounds the calls of one plugin to its host that are served at a time; more of them wait in the plugin.
	maxCallbacks = 64
	// maxLarge bounds those among them of which the host holds more than smallCall bytes.
	maxLarge  = 8
	smallCall = 64 << 10
)

// serveHost serves the calls of a plugin to its host until conn, the connection to the plugin, is closed or ctx ends.
//
// What go-plugin offers for that takes any number of connections. A plugin has one at a time here, which it may make
// anew: gRPC closes one that was idle for half an hour.
func serveHost(ctx context.Context, conn *grpc.ClientConn, listener net.Listener, server *grpc.Server) {
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(netutil.LimitListener(listener, 1)) }) // ends with Stop
	for s := conn.GetState(); s != connectivity.Shutdown && conn.WaitForStateChange(ctx, s); s = conn.GetState() {
	}
	server.Stop()
	serving.Wait()
}

// acceptHost is serveHost for the connection that a plugin makes by the broker's number id. When that cannot be, the
// plugin says so.
func (p *grpcPlugin) acceptHost(ctx context.Context, b *goplugin.GRPCBroker, conn *grpc.ClientConn, id uint32) {
	listener, err := b.Accept(id)
	if err != nil {
		return
	}
	var config *tls.Config
	if p.options.TLS != nil {
		config = p.options.TLS()
	}
	serveHost(ctx, conn, listener, hostServer(p.options.Caller, config))
}

// hostServer returns the server of a host's service.
func hostServer(c contract.Caller, config *tls.Config) *grpc.Server {
	options := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(MaxMessage + overhead),
		grpc.MaxSendMsgSize(MaxMessage + overhead),
		grpc.MaxHeaderListSize(maxHeader),
		grpc.MaxConcurrentStreams(maxCallbacks),
		grpc.StaticStreamWindowSize(smallCall),
		grpc.StaticConnWindowSize(window),
	}
	if config != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	s := grpc.NewServer(options...)
	service := pb.Host_ServiceDesc
	large := make(chan struct{}, maxLarge)
	for _, method := range service.Methods {
		service.Streams = append(service.Streams, grpc.StreamDesc{
			StreamName: method.MethodName,
			Handler:    bounded(method, large),
		})
	}
	service.Methods = nil
	s.RegisterService(&service, &host{caller: c})
	return s
}

// bounded serves a method of a service, of which gRPC would read any number of messages at a time. Of a call that waits
// for its turn no more comes than fits into the window of its stream.
func bounded(method grpc.MethodDesc, large chan struct{}) grpc.StreamHandler {
	return func(service any, stream grpc.ServerStream) error {
		select {
		case large <- struct{}{}:
		case <-stream.Context().Done():
			return status.FromContextError(stream.Context().Err()).Err()
		}
		leave := sync.OnceFunc(func() { <-large })
		defer leave()
		receive := func(request any) error {
			err := stream.RecvMsg(request)
			if err == nil && small(request) {
				leave()
			}
			return err
		}
		response, err := method.Handler(service, stream.Context(), receive, recovering)
		if err != nil {
			return err
		}
		return stream.SendMsg(response)
	}
}

// small reports whether neither the request nor the response to it can be large.
func small(request any) bool {
	if _, ok := request.(*pb.CacheGetRequest); ok {
		return false
	}
	m, ok := request.(proto.Message)
	return ok && proto.Size(m) <= smallCall
}
