package main

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"

	"github.com/spf13/cobra"
)

func newCheckCache() *cobra.Command {
	var (
		tries tries
		trust trust
	)
	cmd := &cobra.Command{
		Use:   "cache URL",
		Short: "Check that podinfo's cache keeps what is written to it",
		Long: "Check that podinfo's cache keeps what is written to it: a random value is written under a random key\n" +
			"of /cache below URL, which is podinfo's address with its prefix, read back and deleted.",
		Example: "  podcli check cache localhost:9898\n" +
			"  podcli check cache --retry=9 https://podinfo.example.com/prefix",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			base, err := parseURL(args[0], "http", "https")
			if err != nil {
				return err
			}
			transport, err := trust.transport()
			if err != nil {
				return err
			}
			return tries.run(cmd, base.Redacted(), func(ctx context.Context) ([]slog.Attr, error) {
				return probeCache(ctx, newAPI(base, transport))
			})
		},
	}
	tries.addFlags(cmd.Flags())
	trust.addFlags(cmd.Flags())
	return cmd
}

// probeCache writes a value under a key of its own, reads it and deletes it. What was written is deleted even if it
// cannot be read, because nothing else ever would.
func probeCache(ctx context.Context, api *api) ([]slog.Attr, error) {
	defer api.close()
	key, value := "podcli-"+rand.Text(), rand.Text()
	saw := []slog.Attr{slog.String("key", key)}
	path := "cache/" + key
	if _, err := api.call(ctx, http.MethodPost, path, "", value, http.StatusAccepted); err != nil {
		return saw, err
	}
	read, readErr := api.call(ctx, http.MethodGet, path, "", "", http.StatusOK)
	_, deleteErr := api.call(ctx, http.MethodDelete, path, "", "", http.StatusAccepted)
	if readErr != nil {
		return saw, readErr
	}
	if read != value {
		return saw, errors.New("the value read is not the one written")
	}
	return saw, deleteErr
}
