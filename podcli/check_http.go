package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
)

func newCheckHTTP() *cobra.Command {
	var (
		tries  tries
		method string
		body   string
	)
	cmd := &cobra.Command{
		Use:   "http ADDRESS",
		Short: "Check that an HTTP server answers with a status from 200 to 399",
		Long: "Check that an HTTP server answers with a status from 200 to 399. Redirects are followed. Without a\n" +
			"scheme the address is taken for http://; with https:// the certificate is verified, name and chain.",
		Example: "  podcli check http localhost:9898/healthz\n" +
			"  podcli check http --retry=9 --delay=2s https://podinfo.example.com/readyz\n" +
			"  podcli check http --method=POST --body=hello localhost:9898/echo",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := parseURL(args[0], "http", "https")
			if err != nil {
				return err
			}
			return tries.run(cmd, target.Redacted(), func(ctx context.Context) ([]slog.Attr, error) {
				request, err := http.NewRequestWithContext(ctx, method, target.String(), strings.NewReader(body))
				if err != nil {
					return nil, err
				}
				return probeHTTP(request)
			})
		},
	}
	tries.addFlags(cmd.Flags())
	cmd.Flags().StringVar(&method, "method", http.MethodGet, "HTTP method")
	cmd.Flags().StringVar(&body, "body", "", "request body")
	return cmd
}

// probeHTTP sends the request on a connection of its own, so that every try shows whether the server still accepts
// new ones.
func probeHTTP(request *http.Request) ([]slog.Attr, error) {
	request.Header.Set("User-Agent", userAgent)
	client := http.Client{Transport: &http.Transport{
		Proxy:             http.ProxyFromEnvironment,
		DisableKeepAlives: true,
	}}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	size, err := io.Copy(io.Discard, response.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the response: %w", err)
	}
	status := slog.Int("status code", response.StatusCode)
	if response.StatusCode < 200 || response.StatusCode > 399 {
		return []slog.Attr{status}, errUnhealthy
	}
	return []slog.Attr{status, slog.String("response size", fmt.Sprintf("%d B", size))}, nil
}
