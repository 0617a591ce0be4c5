package wire

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/wire/pb"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// serveCallbacks serves the calls of a plugin to the host c, of which it counts the bytes, and returns the socket for
// them and what ends it.
func serveCallbacks(t *testing.T, c contract.Caller, read *atomic.Int64) (socket string, end func()) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	plugin := dialSocket(t, filepath.Join(t.TempDir(), "nobody"))
	served := make(chan struct{})
	go func() {
		defer close(served)
		serveHost(t.Context(), plugin, &counting{listener, read}, hostServer(c, nil))
	}()
	end = func() {
		_ = plugin.Close()
		select {
		case <-served:
		case <-time.After(20 * time.Second):
			t.Error("the host still serves a plugin that is gone")
		}
	}
	t.Cleanup(end)
	return socket, end
}

// dialSocket returns a connection, as a plugin has it to its host.
func dialSocket(t *testing.T, socket string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("unix:"+socket, append(DialOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestAPluginHasOneConnectionToItsHost(t *testing.T) {
	t.Parallel()
	socket, _ := serveCallbacks(t, &recorder{}, new(atomic.Int64))
	first := dialSocket(t, socket)
	if _, err := pb.NewHostClient(first).Log(t.Context(), &pb.LogRequest{}); err != nil {
		t.Fatal(err)
	}
	second, err := (&net.Dialer{}).DialContext(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = second.Close() }()
	if err := second.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	greeting := make([]byte, 1)
	if n, err := second.Read(greeting); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the host greeted a second connection: %d bytes, %v", n, err)
	}
	if err := errors.Join(first.Close(), second.SetReadDeadline(time.Now().Add(20*time.Second))); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Read(greeting); err != nil {
		t.Errorf("the host did not greet the connection that took the place of the first: %v", err)
	}
}

func TestAHostServesAsLongAsItsPlugin(t *testing.T) {
	t.Parallel()
	socket, end := serveCallbacks(t, &recorder{}, new(atomic.Int64))
	client := pb.NewHostClient(dialSocket(t, socket))
	if _, err := client.Log(t.Context(), &pb.LogRequest{}); err != nil {
		t.Fatal(err)
	}
	end()
	if _, err := client.Log(t.Context(), &pb.LogRequest{}); !Lost(err) {
		t.Errorf("a call after the end of the plugin's connection: %v", err)
	}
}

// gathering is a host whose answers to Log wait until as many calls are there as may be.
type gathering struct {
	recorder
	here sync.WaitGroup
}

func (g *gathering) Log(context.Context, string, string) error {
	g.here.Done()
	g.here.Wait()
	return nil
}

func TestManyCallbacksAreServedAtATime(t *testing.T) {
	t.Parallel()
	host := &gathering{}
	host.here.Add(maxCallbacks)
	socket, _ := serveCallbacks(t, host, new(atomic.Int64))
	client := pb.NewHostClient(dialSocket(t, socket))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var calls sync.WaitGroup
	for range maxCallbacks {
		calls.Go(func() {
			if _, err := client.Log(ctx, &pb.LogRequest{Message: "hello"}); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
}

// counting is a listener that counts the bytes that are read.
type counting struct {
	net.Listener
	read *atomic.Int64
}

func (c *counting) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &countingConn{conn, c.read}, nil
}

type countingConn struct {
	net.Conn
	read *atomic.Int64
}

func (c *countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// A plugin could send the most of as many large calls as it may have, and never the rest.
func TestFewLargeCallbacksAreReadAtATime(t *testing.T) {
	t.Parallel()
	var read atomic.Int64
	socket, _ := serveCallbacks(t, &recorder{}, &read)
	conn := dialSocket(t, socket)
	const size = 1 << 20
	for range maxCallbacks {
		stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true}, pb.Host_CacheSet_FullMethodName)
		if err != nil {
			t.Fatal(err)
		}
		// All of it is sent but that it is all.
		if err := stream.SendMsg(&pb.CacheSetRequest{Value: make([]byte, size)}); err != nil {
			t.Fatal(err)
		}
	}
	const want = maxLarge*size + (maxCallbacks-maxLarge)*smallCall
	testkit.Eventually(t, 20*time.Second, "as much as may be read", func() bool { return read.Load() >= want })
	last, since := read.Load(), time.Now()
	testkit.Eventually(t, 20*time.Second, "that no more is read", func() bool {
		if now := read.Load(); now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > 100*time.Millisecond
	})
	if last > want+size {
		t.Errorf("the host read %d bytes of %d calls, want about %d", last, maxCallbacks, want)
	}
}
