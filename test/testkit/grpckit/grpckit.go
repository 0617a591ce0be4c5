// Package grpckit asks a podinfo over a connection of gRPC what a proxy on the way can spoil. It is imported by tests
// only.
package grpckit

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/podinfo-targets/podinfo/rpc/pb/echopb"
)

// Check makes a call, a stream that lasts, and an error, which HTTP/2 carries in trailers. All of it has to end within
// patience. The health is that of the service, or of the whole server when that is "".
func Check(t testing.TB, conn grpc.ClientConnInterface, service string, patience time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	echo, err := echopb.NewEchoServiceClient(conn).Echo(ctx, &echopb.Message{Body: "hello"})
	if err != nil || echo.GetBody() != "hello" {
		t.Errorf("a call: %q, %v; want an echo", echo.GetBody(), err)
	}
	watch, err := healthpb.NewHealthClient(conn).Watch(ctx, &healthpb.HealthCheckRequest{Service: service})
	if err != nil {
		t.Fatal(err)
	}
	if health, err := watch.Recv(); err != nil || health.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("the stream tells %s, %v; want SERVING", health.GetStatus(), err)
	}
	_, err = healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{Service: "nobody"})
	if status.Code(err) != codes.NotFound {
		t.Errorf("an error arrives as %v, want NotFound", err)
	}
}
