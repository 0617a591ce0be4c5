// Package service is the least of a gRPC service that echoes bytes: what plain gRPC and bare go-plugin are measured
// with.
package service

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const method = "/bench.Echo/Echo"

// Register adds the service to a server.
func Register(s *grpc.Server) { s.RegisterService(&description, nil) }

// Call has the server behind conn echo data.
func Call(ctx context.Context, conn *grpc.ClientConn, data []byte) ([]byte, error) {
	answer := new(wrapperspb.BytesValue)
	if err := conn.Invoke(ctx, method, &wrapperspb.BytesValue{Value: data}, answer); err != nil {
		return nil, err
	}
	return answer.Value, nil
}

// Await calls the server behind conn as soon as it listens.
func Await(ctx context.Context, conn *grpc.ClientConn) error {
	return conn.Invoke(ctx, method, new(wrapperspb.BytesValue), new(wrapperspb.BytesValue), grpc.WaitForReady(true))
}

var description = grpc.ServiceDesc{
	ServiceName: "bench.Echo",
	HandlerType: (*any)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Echo", Handler: echo}},
}

//nolint:revive // the order of grpc.MethodHandler
func echo(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	data := new(wrapperspb.BytesValue)
	if err := decode(data); err != nil {
		return nil, err
	}
	return data, nil
}
