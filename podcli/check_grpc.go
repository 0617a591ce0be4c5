package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

func newCheckGRPC() *cobra.Command {
	var (
		tries   tries
		service string
		useTLS  bool
	)
	cmd := &cobra.Command{
		Use:   "grpc HOST:PORT",
		Short: "Check that a gRPC server says it is serving",
		Long: "Check that a gRPC server says it is serving, by the gRPC health checking protocol. Without --service\n" +
			"the question is about the server as a whole. With --tls the certificate is verified, name and chain.",
		Example: "  podcli check grpc localhost:9999\n" +
			"  podcli check grpc --service=podinfo --retry=9 podinfo:9999",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			creds := insecure.NewCredentials()
			if useTLS {
				creds = credentials.NewTLS(&tls.Config{})
			}
			return tries.run(cmd, args[0], func(ctx context.Context) ([]slog.Attr, error) {
				return probeGRPC(ctx, args[0], service, creds)
			})
		},
	}
	tries.addFlags(cmd.Flags())
	cmd.Flags().StringVar(&service, "service", "", "name of the service to ask about")
	cmd.Flags().BoolVar(&useTLS, "tls", false, "use TLS")
	return cmd
}

// probeGRPC asks the health service of https://github.com/grpc/grpc/blob/master/doc/health-checking.md. Only SERVING is
// healthy: NOT_SERVING is an answer without an error, too.
func probeGRPC(
	ctx context.Context, address, service string, creds credentials.TransportCredentials,
) ([]slog.Attr, error) {
	// A client of its own for each try: a shared one would back off and repeat the last connection's error.
	conn, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(creds), grpc.WithUserAgent(userAgent), grpc.WithDisableServiceConfig())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	request := &grpc_health_v1.HealthCheckRequest{Service: service}
	response, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, request)
	if status.Code(err) == codes.Unimplemented {
		return nil, errors.New("gRPC health protocol not implemented")
	}
	if err != nil {
		s := status.Convert(err)
		return nil, fmt.Errorf("%s: %s", s.Code(), s.Message())
	}
	saw := []slog.Attr{slog.String("status", response.GetStatus().String())}
	if response.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		return saw, errUnhealthy
	}
	return saw, nil
}
