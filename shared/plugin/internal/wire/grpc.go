package wire

import (
	"context"
	"errors"
	"fmt"
	"net/rpc"
	"sync/atomic"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/wire/pb"
)

// attachTimeout bounds how long a plugin takes to connect to its host.
const attachTimeout = 10 * time.Second

// grpcPlugin is both ends of gRPC: a plugin sets protocol, and a host options.
type grpcPlugin struct {
	protocol contract.Protocol
	options  ClientOptions
}

// errRPC says that this version of the handshake is not for net/rpc.
var errRPC = errors.New("this version of the plugin speaks gRPC")

// Server is for net/rpc.
func (*grpcPlugin) Server(*goplugin.MuxBroker) (any, error) { return nil, errRPC }

// Client is for net/rpc.
func (*grpcPlugin) Client(*goplugin.MuxBroker, *rpc.Client) (any, error) { return nil, errRPC }

// GRPCServer adds the plugin's service to its server.
func (p *grpcPlugin) GRPCServer(broker *goplugin.GRPCBroker, s *grpc.Server) error {
	pb.RegisterProtocolServer(s, &grpcServer{protocol: p.protocol, broker: broker})
	return nil
}

// GRPCClient returns the Client, once the plugin is connected to the host's service.
func (p *grpcPlugin) GRPCClient(ctx context.Context, b *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	limit := p.options.limit()
	client := &grpcClient{limit: limit, plugin: pb.NewProtocolClient(conn), options: []grpc.CallOption{
		grpc.MaxCallRecvMsgSize(limit + overhead),
		grpc.MaxCallSendMsgSize(limit + overhead),
	}}
	if p.options.Caller == nil {
		return client, nil
	}
	id := b.NextId()
	go p.acceptHost(ctx, b, conn, id) // ends with conn, and with ctx, which go-plugin ends with the process
	attach, cancel := context.WithTimeout(ctx, attachTimeout)
	defer cancel()
	_, err := client.plugin.Attach(attach, &pb.AttachRequest{BrokerId: id}, client.options...)
	if err != nil && status.Code(err) != codes.Unimplemented { // a plugin need not call its host
		return nil, fmt.Errorf("connecting the plugin to its host: %w", err)
	}
	return client, nil
}

// NewServer returns the server that a plugin's services are added to.
func NewServer(options []grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append(options,
		grpc.MaxRecvMsgSize(MaxMessage+overhead),
		grpc.MaxSendMsgSize(MaxMessage+overhead),
		grpc.StaticStreamWindowSize(window),
		grpc.StaticConnWindowSize(window),
	)...)
}

// window is how many bytes the two sides send ahead. That it is fixed spares the pings by which gRPC would find out how
// much is good for a network.
const window = 1 << 20

// DialOptions are those of a host for the connection to a plugin. They bound what go-plugin's own services answer, too,
// of which go-plugin would take 2 GiB.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxMessage + overhead)),
		grpc.WithMaxHeaderListSize(maxHeader),
		grpc.WithStaticStreamWindowSize(window),
		grpc.WithStaticConnWindowSize(window),
		grpc.WithStreamInterceptor(ignoringOffers),
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithNoProxy(),
	}
}

// maxHeader bounds the metadata of a call in bytes.
const maxHeader = 64 << 10

// grpcServer answers calls over gRPC.
type grpcServer struct {
	pb.UnimplementedProtocolServer
	protocol contract.Protocol
	broker   *goplugin.GRPCBroker
	host     atomic.Pointer[hostClient]
}

// Attach connects to the service of the host.
func (s *grpcServer) Attach(_ context.Context, request *pb.AttachRequest) (*pb.AttachResponse, error) {
	conn, err := s.broker.DialWithOptions(request.GetBrokerId(), DialOptions()...)
	if err != nil {
		return nil, status.Errorf(codes.Internal, "dialing the host: %v", err)
	}
	host := &hostClient{conn: conn, host: pb.NewHostClient(conn)}
	if old := s.host.Swap(host); old != nil {
		return &pb.AttachResponse{}, old.conn.Close()
	}
	return &pb.AttachResponse{}, nil
}

func (s *grpcServer) Info(ctx context.Context, _ *pb.InfoRequest) (*pb.InfoResponse, error) {
	info, failed := introduce(s.context(ctx), s.protocol)
	if failed != nil {
		return nil, failed.status()
	}
	return &pb.InfoResponse{
		Name:        info.Name,
		Version:     info.Version,
		Description: info.Description,
		ContentType: info.ContentType,
	}, nil
}

func (s *grpcServer) Encode(ctx context.Context, request *pb.Carrier) (*pb.Carrier, error) {
	return s.answer(ctx, s.protocol.Encode, request)
}

func (s *grpcServer) Decode(ctx context.Context, request *pb.Carrier) (*pb.Carrier, error) {
	return s.answer(ctx, s.protocol.Decode, request)
}

func (s *grpcServer) answer(ctx context.Context, do method, request *pb.Carrier) (*pb.Carrier, error) {
	value, failed := answer(s.context(ctx), do, carrier{request.GetValue(), request.GetRaw()})
	if failed != nil {
		return nil, failed.status()
	}
	return &pb.Carrier{Value: value.value, Raw: value.raw}, nil
}

// context returns what the author's code is called with.
func (s *grpcServer) context(ctx context.Context) context.Context {
	result := callerResult{err: errNoHost}
	if host := s.host.Load(); host != nil {
		result = callerResult{caller: host}
	}
	return &callContext{incoming(ctx), result}
}

// status is what a failure is in gRPC.
func (f *failure) status() error {
	code := codes.Internal
	switch f.outcome {
	case refused:
		code = codes.InvalidArgument
	case invalid:
		code = codes.FailedPrecondition
	case ended:
		code = codes.DeadlineExceeded
	}
	return status.Error(code, f.text)
}

// grpcClient is the Client over gRPC.
type grpcClient struct {
	limit   int
	plugin  pb.ProtocolClient
	options []grpc.CallOption
}

func (c *grpcClient) Info(ctx context.Context) (contract.Info, error) {
	response, err := c.plugin.Info(outgoing(ctx), &pb.InfoRequest{}, c.options...)
	if err != nil {
		return contract.Info{}, statusError(ctx, err)
	}
	return checkInfo(contract.Info{
		Name:        response.GetName(),
		Version:     response.GetVersion(),
		Description: response.GetDescription(),
		ContentType: response.GetContentType(),
	})
}

func (c *grpcClient) Encode(ctx context.Context, value any) (any, error) {
	return c.transform(ctx, c.plugin.Encode, value)
}

func (c *grpcClient) Decode(ctx context.Context, value any) (any, error) {
	return c.transform(ctx, c.plugin.Decode, value)
}

// remote is Encode or Decode of the plugin.
type remote func(context.Context, *pb.Carrier, ...grpc.CallOption) (*pb.Carrier, error)

func (c *grpcClient) transform(ctx context.Context, do remote, value any) (any, error) {
	argument, err := pack(value, c.limit)
	if err != nil {
		return nil, err
	}
	response, err := do(outgoing(ctx), &pb.Carrier{Value: argument.value, Raw: argument.raw}, c.options...)
	if err != nil {
		return nil, statusError(ctx, err)
	}
	return result(carrier{response.GetValue(), response.GetRaw()})
}

// statusError tells what ended a call. A plugin that is not of this package may refuse with any code that says so.
func statusError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s := status.Convert(err)
	o := refused
	switch s.Code() {
	case codes.Unavailable, codes.Canceled: // gRPC says Canceled when the connection is closed on this side
		return &lostError{err}
	case codes.DeadlineExceeded:
		o = ended
	case codes.FailedPrecondition:
		o = invalid
	case codes.Internal, codes.ResourceExhausted, codes.DataLoss, codes.Unimplemented:
		o = broken
	}
	return (&failure{o, s.Message()}).error()
}
