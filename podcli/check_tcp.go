package main

import (
	"context"
	"log/slog"
	"net"

	"github.com/spf13/cobra"
)

func newCheckTCP() *cobra.Command {
	var tries tries
	cmd := &cobra.Command{
		Use:     "tcp HOST:PORT",
		Short:   "Check that a TCP server accepts connections",
		Example: "  podcli check tcp redis:6379",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			address, err := hostPort(args[0], "")
			if err != nil {
				return err
			}
			return tries.run(cmd, address, func(ctx context.Context) ([]slog.Attr, error) {
				return nil, probeTCP(ctx, address)
			})
		},
	}
	tries.addFlags(cmd.Flags())
	return cmd
}

func probeTCP(ctx context.Context, address string) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}
