package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

// maxAnswer bounds what is read of an answer, in bytes. Those that the checks ask for are far smaller.
const maxAnswer = 1 << 20

// checkAPI completes cmd, a check of podinfo's API at the URL that is its argument, with what all such checks share:
// the flags, and tries that each call probe with an API of their own.
func checkAPI(cmd *cobra.Command, probe func(context.Context, *api) ([]slog.Attr, error)) *cobra.Command {
	var (
		tries tries
		trust trust
	)
	cmd.Args = cobra.ExactArgs(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		base, err := parseURL(args[0], "http", "https")
		if err != nil {
			return err
		}
		transport, err := trust.transport()
		if err != nil {
			return err
		}
		return tries.run(cmd, base.Redacted(), func(ctx context.Context) ([]slog.Attr, error) {
			api := newAPI(base, transport)
			defer api.close()
			return probe(ctx, api)
		})
	}
	tries.addFlags(cmd.Flags())
	trust.addFlags(cmd.Flags())
	return cmd
}

// api is podinfo's HTTP API below base, for checks that take several requests. They travel on one connection, so that
// behind a load balancer one replica answers them all, and redirects are not followed: where a token or a value is sent
// is for the caller alone to say.
type api struct {
	base   *url.URL
	client http.Client
}

func newAPI(base *url.URL, transport *http.Transport) *api {
	return &api{base: base, client: http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// close gives the connection up, so that the next try begins with a new one.
func (a *api) close() { a.client.CloseIdleConnections() }

// question is a request to podinfo's API.
type question struct {
	method, path string // the path is below the API's address
	bearer       string // token to send, or ""
	contentType  string // of the body, or "" to say nothing of it
	body         []byte
}

// answer is what podinfo's API said.
type answer struct {
	path   string // of the request, with the API's own
	status int
	header http.Header
	body   []byte
}

// ask sends q and reads the answer, up to limit bytes of it. Errors never quote what was sent or received.
func (a *api) ask(ctx context.Context, q question, limit int64) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, q.method, a.base.JoinPath(q.path).String(), bytes.NewReader(q.body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("User-Agent", userAgent)
	if q.bearer != "" {
		request.Header.Set("Authorization", "Bearer "+q.bearer)
	}
	if q.contentType != "" {
		request.Header.Set("Content-Type", q.contentType)
	}
	response, err := a.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, limit))
	if err != nil {
		return answer{}, fmt.Errorf("reading the answer to %s %s: %w", q.method, request.URL.Path, err)
	}
	return answer{request.URL.Path, response.StatusCode, response.Header, body}, nil
}

// call sends a request with a body, and the bearer token when there is one, to the path below base. It returns the
// answer's body; an answer with another status than want is an error. Errors never quote what was sent or received.
func (a *api) call(ctx context.Context, method, path, bearer, body string, want int) (string, error) {
	q := question{method: method, path: path, bearer: bearer, body: []byte(body)}
	got, err := a.ask(ctx, q, maxAnswer)
	if err != nil {
		return "", err
	}
	if got.status != want {
		return "", unexpected(q, got, want)
	}
	return string(got.body), nil
}

// unexpected is the error of an answer whose status is another than want.
func unexpected(q question, got answer, want int) error {
	return fmt.Errorf("%s %s has the status code %d, not %d", q.method, got.path, got.status, want)
}
