package wire

import (
	"bytes"
	"context"
	"net"
	"net/rpc"
	"path/filepath"
	"slices"
	"testing"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/wire/pb"
)

// BenchmarkEcho measures a call with a kibibyte of bytes and the same answer, one after the other, over a Unix socket:
// by this package, and by the libraries under it alone.
func BenchmarkEcho(b *testing.B) {
	b.Run("grpc", func(b *testing.B) { ours(b, contract.GRPC) })
	b.Run("grpc-plain", plainGRPC)
	b.Run("rpc", func(b *testing.B) { ours(b, contract.RPC) })
	b.Run("rpc-bare", bareRPC)
}

// measure reports the median beside the mean.
func measure(b *testing.B, call func(argument []byte) error) {
	argument := bytes.Repeat([]byte{7}, 1<<10)
	took := make([]time.Duration, 0, 1<<20)
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		if err := call(argument); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
}

func ours(b *testing.B, transport contract.Transport) {
	client := connect(b, transport, encoding(echo), ClientOptions{})
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour) // as hosts bound their calls
	defer cancel()
	measure(b, func(argument []byte) error {
		_, err := client.Encode(ctx, argument)
		return err
	})
}

// plainServer is a gRPC service that echoes.
type plainServer struct{ pb.UnimplementedProtocolServer }

func (plainServer) Encode(_ context.Context, c *pb.Carrier) (*pb.Carrier, error) {
	return &pb.Carrier{Value: c.GetValue()}, nil
}

func plainGRPC(b *testing.B) {
	listener, err := net.Listen("unix", filepath.Join(b.TempDir(), "s"))
	if err != nil {
		b.Fatal(err)
	}
	server := grpc.NewServer()
	pb.RegisterProtocolServer(server, plainServer{})
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	conn, err := grpc.NewClient("unix:"+listener.Addr().String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	client := pb.NewProtocolClient(conn)
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	measure(b, func(argument []byte) error {
		_, err := client.Encode(ctx, &pb.Carrier{Value: argument})
		return err
	})
}

// Bare is a plugin as the examples of go-plugin have it.
type Bare struct{}

// Encode echoes.
func (*Bare) Encode(argument []byte, reply *[]byte) error {
	*reply = argument
	return nil
}

// barePlugin serves Bare, and dispenses the bare connection.
type barePlugin struct{}

func (barePlugin) Server(*goplugin.MuxBroker) (any, error) { return &Bare{}, nil }

func (barePlugin) Client(_ *goplugin.MuxBroker, c *rpc.Client) (any, error) {
	return c, nil
}

func bareRPC(b *testing.B) {
	set := map[int]goplugin.PluginSet{versionRPC: {Dispensed: barePlugin{}}}
	connection := serve(b, contract.RPC, set, set)
	dispensed, err := connection.Dispense(Dispensed)
	if err != nil {
		b.Fatal(err)
	}
	client := dispensed.(*rpc.Client)
	measure(b, func(argument []byte) error {
		var reply []byte
		return client.Call("Plugin.Encode", argument, &reply)
	})
}
