package main

import (
	"bytes"
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
		tries    tries
		trust    trust
		method   string
		body     string
		contains string
	)
	cmd := &cobra.Command{
		Use:   "http ADDRESS",
		Short: "Check that an HTTP server answers with a status from 200 to 399",
		Long: "Check that an HTTP server answers with a status from 200 to 399. Redirects are followed. Without a\n" +
			"scheme the address is taken for http://; with https:// the certificate is verified, name and chain.\n" +
			"With --contains the answer must hold the text too.",
		Example: "  podcli check http localhost:9898/healthz\n" +
			"  podcli check http --retry=9 --delay=2s https://podinfo.example.com/readyz\n" +
			"  podcli check http --method=POST --body=hello --contains=hello localhost:9898/echo\n" +
			"  podcli check http --ca-file=ca.pem https://localhost:9899/healthz",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := parseURL(args[0], "http", "https")
			if err != nil {
				return err
			}
			transport, err := trust.transport()
			if err != nil {
				return err
			}
			// A connection of its own for every try shows whether the server still accepts new ones.
			transport.DisableKeepAlives = true
			return tries.run(cmd, target.Redacted(), func(ctx context.Context) ([]slog.Attr, error) {
				request, err := http.NewRequestWithContext(ctx, method, target.String(), strings.NewReader(body))
				if err != nil {
					return nil, err
				}
				return probeHTTP(transport, request, contains)
			})
		},
	}
	tries.addFlags(cmd.Flags())
	trust.addFlags(cmd.Flags())
	cmd.Flags().StringVar(&method, "method", http.MethodGet, "HTTP method")
	cmd.Flags().StringVar(&body, "body", "", "request body")
	cmd.Flags().StringVar(&contains, "contains", "", "text that the answer must hold")
	return cmd
}

// probeHTTP sends the request and looks for the text in the answer.
func probeHTTP(transport http.RoundTripper, request *http.Request, text string) ([]slog.Attr, error) {
	request.Header.Set("User-Agent", userAgent)
	client := http.Client{Transport: transport}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	wanted := finder{text: []byte(text), found: text == ""}
	size, err := io.Copy(&wanted, response.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the response: %w", err)
	}
	status := slog.Int("status code", response.StatusCode)
	if response.StatusCode < 200 || response.StatusCode > 399 {
		return []slog.Attr{status}, errUnhealthy
	}
	saw := []slog.Attr{status, slog.String("response size", fmt.Sprintf("%d B", size))}
	if !wanted.found {
		return saw, fmt.Errorf("the response does not contain %q", text)
	}
	return saw, nil
}

// A finder looks for text in what is written to it. It keeps only the end, in which a match may have begun.
type finder struct {
	text, end []byte
	found     bool
}

func (f *finder) Write(part []byte) (int, error) {
	if f.found {
		return len(part), nil
	}
	f.end = append(f.end, part...)
	f.found = bytes.Contains(f.end, f.text)
	f.end = f.end[max(0, len(f.end)-len(f.text)+1):]
	return len(part), nil
}
