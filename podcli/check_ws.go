package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"time"

	"github.com/gorilla/websocket"
	"github.com/spf13/cobra"
)

func newCheckWS() *cobra.Command {
	var tries tries
	cmd := &cobra.Command{
		Use:   "ws URL",
		Short: "Check that a websocket server answers a message",
		Long: "Check that a websocket server answers a message. The URL starts with ws:// or wss://; with wss:// the\n" +
			"certificate is verified, name and chain.",
		Example: "  podcli check ws ws://localhost:9898/ws/echo",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !hasScheme(args[0]) {
				return errors.New("the address has no scheme; use ws://HOST:PORT/PATH or wss://HOST:PORT/PATH")
			}
			target, err := parseURL(args[0], "ws", "wss")
			if err != nil {
				return err
			}
			return tries.run(cmd, target.Redacted(), func(ctx context.Context) ([]slog.Attr, error) {
				return probeWS(ctx, target)
			})
		},
	}
	tries.addFlags(cmd.Flags())
	return cmd
}

// probeWS sends a message and takes the first one that comes back, whatever it says, for the answer.
func probeWS(ctx context.Context, target *url.URL) ([]slog.Attr, error) {
	conn, err := dialWebsocket(ctx, target, "")
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	start := time.Now()
	if err := conn.WriteMessage(websocket.TextMessage, []byte(userAgent)); err != nil {
		return nil, err
	}
	_, message, err := conn.NextReader()
	if err != nil {
		return nil, err
	}
	size, err := io.Copy(io.Discard, message)
	if err != nil {
		return nil, err
	}
	trip := time.Since(start)
	// The answer is here: a goodbye that cannot be sent changes nothing.
	_ = sayGoodbye(conn)
	return []slog.Attr{
		slog.Duration("round-trip", trip.Round(time.Microsecond)),
		slog.String("response size", fmt.Sprintf("%d B", size)),
	}, nil
}
