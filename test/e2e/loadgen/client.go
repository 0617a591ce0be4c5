package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"time"
)

// bodyLimit bounds what is read of an answer, in bytes.
const bodyLimit = 1 << 20

// client is the connection, or the way of making connections, of one worker.
type client struct {
	http      *http.Client
	url, host string
	sends     string // with POST; "" is GET
	grpc      bool
	countBy   *regexp.Regexp
}

// result is how one request ended.
type result struct {
	failure string // "" when it was answered as it should be
	by      string // what countBy found in the body
	retried bool
	took    time.Duration
}

func newClient(o options, keepAlive bool) *client {
	transport := &http.Transport{DisableKeepAlives: !keepAlive, MaxIdleConnsPerHost: 1, Protocols: new(http.Protocols)}
	http2 := o.h2c || o.grpc
	transport.Protocols.SetHTTP1(!http2)
	transport.Protocols.SetUnencryptedHTTP2(http2)
	return &client{
		http: &http.Client{
			Transport: transport,
			Timeout:   o.timeout,
			// A redirect is not what was asked for.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		url: o.url, host: o.host, sends: o.body, grpc: o.grpc, countBy: o.countBy,
	}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// get sends one request. It cannot be broken off but by the timeout, so that stopping never looks like a failure.
func (c *client) get() result {
	start := time.Now()
	var connections atomic.Int32
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connections.Add(1) }}
	body, err := c.body(httptrace.WithClientTrace(context.Background(), trace))
	r := result{took: time.Since(start), retried: connections.Load() > 1}
	if err != nil {
		r.failure = reason(err)
		return r
	}
	if c.countBy == nil {
		return r
	}
	r.by = "(not found)"
	if found := c.countBy.FindSubmatch(body); found != nil {
		r.by = string(found[1])
	}
	return r
}

func (c *client) body(ctx context.Context) ([]byte, error) {
	request, err := c.request(ctx)
	if err != nil {
		return nil, err
	}
	request.Host = c.host
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, bodyLimit))
	if err != nil {
		return nil, err
	}
	if response.StatusCode/100 != 2 {
		return nil, fmt.Errorf("HTTP %d", response.StatusCode)
	}
	if c.grpc {
		return body, grpcError(response)
	}
	return body, nil
}

// request is a GET, a POST of bytes, or the call of a gRPC method with an empty message: uncompressed, of length 0
// (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
func (c *client) request(ctx context.Context) (*http.Request, error) {
	if c.sends != "" {
		return http.NewRequestWithContext(ctx, http.MethodPost, c.url, strings.NewReader(c.sends))
	}
	if !c.grpc {
		return http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(make([]byte, 5)))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("TE", "trailers")
	return request, nil
}

// grpcError tells how a call has ended. Its status is a trailer, or a header when there is no message.
func grpcError(response *http.Response) error {
	status := response.Trailer.Get("Grpc-Status")
	if status == "" {
		status = response.Header.Get("Grpc-Status")
	}
	if status != "0" {
		return fmt.Errorf("gRPC status %q", status)
	}
	return nil
}

// reason is the text of an error without what differs each time, the URL and the client's port: failures are counted
// by it.
func reason(err error) string {
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return "timeout"
	}
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		return op.Op + ": " + op.Err.Error()
	}
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err.Error()
	}
	return err.Error()
}
