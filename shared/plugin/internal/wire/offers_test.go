package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"testing"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/wire/pb"
)

// sayingMuch serves any method with two messages that hold a value of the size, and returns a connection to it.
func sayingMuch(t *testing.T, size int) (conn *grpc.ClientConn) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		message := &pb.Carrier{Value: make([]byte, size)}
		return errors.Join(stream.SendMsg(message), stream.SendMsg(message))
	}))
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return dialSocket(t, socket)
}

func TestOffersAreIgnored(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, method string
		size         int
		want         codes.Code
		messages     int
	}{
		{"an offer", brokerStream, 10, codes.OK, 0},
		{"a large offer", brokerStream, maxControl, codes.ResourceExhausted, 0},
		{"another stream", "/plugin.GRPCStdio/StreamStdio", maxControl, codes.OK, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			conn := sayingMuch(t, c.size)
			stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, c.method)
			if err != nil {
				t.Fatal(err)
			}
			messages := 0
			for err == nil {
				if err = stream.RecvMsg(&pb.Carrier{}); err == nil {
					messages++
				}
			}
			if errors.Is(err, io.EOF) {
				err = nil
			}
			if messages != c.messages || status.Code(err) != c.want {
				t.Errorf("heard %d messages and then %v, want %d and %v", messages, err, c.messages, c.want)
			}
		})
	}
}

// offering is a plugin that offers its host a service of its own.
type offering struct {
	grpcPlugin
	pb.UnimplementedProtocolServer
	broker *goplugin.GRPCBroker
}

const offered = 77

func (o *offering) GRPCServer(b *goplugin.GRPCBroker, s *grpc.Server) error {
	o.broker = b
	pb.RegisterProtocolServer(s, o)
	return nil
}

func (o *offering) Attach(context.Context, *pb.AttachRequest) (*pb.AttachResponse, error) {
	listener, err := o.broker.Accept(offered)
	if err != nil {
		return nil, err
	}
	_ = listener.Close() // which fails, as it removes its file twice
	return &pb.AttachResponse{}, nil
}

// offeredPlugin is a host that looks for the service.
type offeredPlugin struct{ grpcPlugin }

func (*offeredPlugin) GRPCClient(ctx context.Context, b *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	if _, err := pb.NewProtocolClient(conn).Attach(ctx, &pb.AttachRequest{}); err != nil {
		return nil, err
	}
	return b, nil
}

// That the broker hears nothing is tried with go-plugin's own, which takes five seconds to find out.
func TestBrokerHearsNoOffers(t *testing.T) {
	t.Parallel()
	connection := serve(t, contract.GRPC, map[int]goplugin.PluginSet{versionGRPC: {Dispensed: &offering{}}},
		map[int]goplugin.PluginSet{versionGRPC: {Dispensed: &offeredPlugin{}}})
	dispensed, err := connection.Dispense(Dispensed)
	if err != nil {
		t.Fatal(err)
	}
	if conn, err := dispensed.(*goplugin.GRPCBroker).Dial(offered); err == nil {
		_ = conn.Close()
		t.Error("the broker heard where the plugin listens")
	}
}
