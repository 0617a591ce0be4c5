package main

import (
	"context"
	"errors"
	"math"
	"net"
	"net/rpc"
	"slices"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // is found by its name
	"google.golang.org/grpc/mem"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

const gigabyte = 1 << 30

// serveGigabytes serves a plugin that answers each call with a gigabyte, of which it has but a part in its own memory.
func serveGigabytes(transport string) {
	version := map[string]int{"grpc": 2, "rpc": 1}[transport]
	config := &goplugin.ServeConfig{
		HandshakeConfig:  goplugin.HandshakeConfig{MagicCookieKey: "PODINFO_PLUGIN", MagicCookieValue: "protocol"},
		VersionedPlugins: map[int]goplugin.PluginSet{version: {"protocol": gigabytes{}}},
	}
	if transport == "grpc" {
		config.GRPCServer = func(o []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(o, grpc.ForceServerCodecV2(codecOfParts{encoding.GetCodecV2("proto")}),
				grpc.MaxSendMsgSize(math.MaxInt32))...)
		}
	}
	goplugin.Serve(config)
}

// gigabytes is the plugin for both transports.
type gigabytes struct{}

var errServer = errors.New("this is a plugin, and no host")

func (gigabytes) Client(*goplugin.MuxBroker, *rpc.Client) (any, error) { return nil, errServer }

func (gigabytes) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errServer
}

// GRPCServer adds the methods that a host calls.
//
//nolint:unparam // go-plugin has it so.
func (gigabytes) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	method := func(name string, answer parts) grpc.MethodDesc {
		return grpc.MethodDesc{MethodName: name, Handler: func(_ any, _ context.Context, read func(any) error,
			_ grpc.UnaryServerInterceptor) (any, error) {
			return answer, read(&parts{})
		}}
	}
	const name = "Gigabyte"
	info := parts{append([]byte{1<<3 | 2, byte(len(name))}, name...)} // the field 1 of InfoResponse
	all := slices.Repeat(parts{make([]byte, 1<<20)}, gigabyte>>20)
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: "podinfo.plugin.v1.Protocol",
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{
			method("Attach", parts{}), method("Info", info), method("Encode", all), method("Decode", all),
		},
	}, nil)
	return nil
}

// parts are a message that is written already. The parts may be the same.
type parts [][]byte

// codecOfParts is one that writes parts as they are.
type codecOfParts struct{ encoding.CodecV2 }

// Marshal returns what there is to send.
func (c codecOfParts) Marshal(v any) (message mem.BufferSlice, err error) {
	p, ok := v.(parts)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	for _, part := range p {
		message = append(message, mem.SliceBuffer(part))
	}
	return message, nil
}

// Unmarshal does not look at what is for parts.
func (c codecOfParts) Unmarshal(message mem.BufferSlice, v any) error {
	if _, ok := v.(*parts); ok {
		return nil
	}
	return c.CodecV2.Unmarshal(message, v)
}

// Server returns what tells where the calls are served.
func (gigabytes) Server(broker *goplugin.MuxBroker) (any, error) { return &Door{broker}, nil }

// Door tells where the calls are served.
type Door struct{ broker *goplugin.MuxBroker }

// Open serves calls on the stream of the number that it returns.
//
//nolint:unparam // net/rpc has it so.
func (d *Door) Open(_ uint32, id *uint32) error {
	*id = d.broker.NextId()
	go func() {
		conn, err := d.broker.Accept(*id)
		if err != nil {
			return
		}
		server := rpc.NewServer()
		if server.RegisterName("Plugin", &Service{conn}) == nil {
			server.ServeConn(conn)
		}
	}()
	return nil
}

// Service answers calls over net/rpc.
type Service struct{ conn net.Conn }

// Request is what there is to know of a call.
type Request struct{ Value []byte }

// Introduction is the answer of Info.
type Introduction struct{ Info contract.Info }

// Info says what the plugin is.
//
//nolint:unparam // net/rpc has it so.
func (*Service) Info(_ *Request, i *Introduction) error {
	i.Info.Name = "Gigabyte"
	return nil
}

// Encode says that a message of a gigabyte follows, as encoding/gob does, and sends it.
func (s *Service) Encode(*Request, *Introduction) error {
	_, err := s.conn.Write([]byte{0xfc, gigabyte >> 24, 0, 0, 0})
	block := make([]byte, 1<<20)
	for n := 0; n < gigabyte && err == nil; n += len(block) {
		_, err = s.conn.Write(block)
	}
	return err
}
