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
	return checkAPI(&cobra.Command{
		Use:   "cache URL",
		Short: "Check that podinfo's cache keeps what is written to it",
		Long: "Check that podinfo's cache keeps what is written to it: a random value is written under a random key\n" +
			"of /cache below URL, which is podinfo's address with its prefix, read back and deleted.",
		Example: "  podcli check cache localhost:9898\n" +
			"  podcli check cache --retry=9 https://podinfo.example.com/prefix",
	}, probeCache)
}

// probeCache writes a value under a key of its own, reads it and deletes it. What was written is deleted even if it
// cannot be read, because nothing else ever would.
func probeCache(ctx context.Context, api *api) ([]slog.Attr, error) {
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
