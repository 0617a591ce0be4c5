package rpc_test

import (
	"maps"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/podinfo-targets/podinfo/rpc"
	"github.com/podinfo-targets/podinfo/rpc/pb/versionpb"
)

const (
	serving    = grpc_health_v1.HealthCheckResponse_SERVING
	notServing = grpc_health_v1.HealthCheckResponse_NOT_SERVING
	unknown    = grpc_health_v1.HealthCheckResponse_SERVICE_UNKNOWN
)

func TestHealth(t *testing.T) {
	t.Parallel()
	r := start(t, func(d *rpc.Deps) { d.ServiceName = "my-podinfo" })
	client := grpc_health_v1.NewHealthClient(r.conn)
	check := func(want grpc_health_v1.HealthCheckResponse_ServingStatus) {
		t.Helper()
		for _, service := range []string{"", "my-podinfo"} {
			got, err := client.Check(within(t), &grpc_health_v1.HealthCheckRequest{Service: service})
			if err != nil {
				t.Fatal(err)
			}
			if got.GetStatus() != want {
				t.Errorf("the service %q is %s, want %s", service, got.GetStatus(), want)
			}
		}
		list, err := client.List(within(t), &grpc_health_v1.HealthListRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Sorted(maps.Keys(list.GetStatuses())); !slices.Equal(got, []string{"", "my-podinfo"}) {
			t.Errorf("the list has %q, want the whole server and my-podinfo", got)
		}
		for service, answer := range list.GetStatuses() {
			if answer.GetStatus() != want {
				t.Errorf("the list shows %q as %s, want %s", service, answer.GetStatus(), want)
			}
		}
		_, err = client.Check(within(t), &grpc_health_v1.HealthCheckRequest{Service: "podinfo"})
		wantStatus(t, err, codes.NotFound, "unknown service")
	}

	check(serving)
	r.Drain()
	check(notServing)
	if _, err := versionpb.NewVersionServiceClient(r.conn).Version(within(t), &versionpb.VersionRequest{}); err != nil {
		t.Errorf("a draining server must go on serving, but the call ended with %v", err)
	}
	r.Drain()
	check(notServing)
}

func TestHealthWatch(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	named := watch(t, r.conn, "podinfo")
	whole := watch(t, r.conn, "")
	stranger := watch(t, r.conn, "stranger")
	expect(t, named, serving)
	expect(t, whole, serving)
	expect(t, stranger, unknown)
	r.Drain()
	expect(t, named, notServing)
	expect(t, whole, notServing)
}

// watch opens a health Watch.
func watch(
	t *testing.T, conn *grpc.ClientConn, service string,
) grpc.ServerStreamingClient[grpc_health_v1.HealthCheckResponse] {
	t.Helper()
	stream, err := grpc_health_v1.NewHealthClient(conn).
		Watch(within(t), &grpc_health_v1.HealthCheckRequest{Service: service})
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// expect reads the next status that a Watch tells.
func expect(
	t *testing.T, stream grpc.ServerStreamingClient[grpc_health_v1.HealthCheckResponse],
	want grpc_health_v1.HealthCheckResponse_ServingStatus,
) {
	t.Helper()
	got, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if got.GetStatus() != want {
		t.Fatalf("the watcher is told %s, want %s", got.GetStatus(), want)
	}
}
