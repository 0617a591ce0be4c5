package main

import (
	"crypto/tls"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// grpcServer serves the health of "", podinfo (SERVING) and drained (NOT_SERVING), with TLS when cert is given, and
// returns HOST:PORT.
func grpcServer(t *testing.T, cert *tls.Certificate) string {
	t.Helper()
	var options []grpc.ServerOption
	if cert != nil {
		options = append(options, grpc.Creds(credentials.NewServerTLSFromCert(cert)))
	}
	server := grpc.NewServer(options...)
	states := health.NewServer()
	states.SetServingStatus("podinfo", grpc_health_v1.HealthCheckResponse_SERVING)
	states.SetServingStatus("drained", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	grpc_health_v1.RegisterHealthServer(server, states)
	return serveGRPC(t, server)
}

func serveGRPC(t *testing.T, server *grpc.Server) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Errorf("the gRPC server ended with %v", err)
		}
	})
	return listener.Addr().String()
}

func TestCheckGRPC(t *testing.T) {
	t.Parallel()
	address := grpcServer(t, nil)
	cert := validCertificate(t)
	encrypted := grpcServer(t, &cert)
	bare := serveGRPC(t, grpc.NewServer())
	nobody := testkit.ClosedAddress(t)
	for _, test := range []struct {
		name    string
		flags   []string
		address string
		code    int
		field   string
		want    string
	}{
		{"server", nil, address, 0, "status", "SERVING"},
		{"service", []string{"--service=podinfo"}, address, 0, "status", "SERVING"},
		{"service that does not serve", []string{"--service=drained"}, address, 1, "status", "NOT_SERVING"},
		{"unknown service", []string{"--service=other"}, address, 1, "error", "NotFound: unknown service"},
		{"no health service", nil, bare, 1, "error", "gRPC health protocol not implemented"},
		{"nobody listens", nil, nobody, 1, "error", "*"},
		{"no TLS at the other end", []string{"--tls"}, address, 1, "error", "*"},
		{"nobody vouches for the certificate", []string{"--tls"}, encrypted, 1, "error", "*"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := podcli("", append([]string{"check", "grpc", test.address}, test.flags...)...)
			wantCheck(t, r, test.code, map[string]any{"address": test.address, test.field: test.want})
		})
	}
}
