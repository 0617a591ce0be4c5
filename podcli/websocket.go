package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/websocket"
)

// closeTimeout bounds each half of the closing handshake.
const closeTimeout = time.Second

// dialWebsocket connects to target with the Origin header origin, or without one when it is empty. The connection is
// closed when ctx ends, which also ends a handshake, a read or a write that is going on.
func dialWebsocket(ctx context.Context, target *url.URL, origin string) (*websocket.Conn, error) {
	dialer := websocket.Dialer{
		Proxy: http.ProxyFromEnvironment,
		NetDialContext: func(dialCtx context.Context, network, address string) (net.Conn, error) {
			var dialer net.Dialer
			conn, err := dialer.DialContext(dialCtx, network, address)
			if err != nil {
				return nil, err
			}
			context.AfterFunc(ctx, func() { _ = conn.Close() })
			return conn, nil
		},
	}
	header := http.Header{"User-Agent": {userAgent}}
	if origin != "" {
		header.Set("Origin", origin)
	}
	conn, response, err := dialer.DialContext(ctx, target.String(), header) //nolint:bodyclose // conn owns it
	if errors.Is(err, websocket.ErrBadHandshake) {
		return nil, fmt.Errorf("the server answered %s instead of a websocket handshake", response.Status)
	}
	return conn, err
}

// sayGoodbye starts the closing handshake of RFC 6455 §7.1.2.
func sayGoodbye(conn *websocket.Conn) error {
	message := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	return conn.WriteControl(websocket.CloseMessage, message, time.Now().Add(closeTimeout))
}
