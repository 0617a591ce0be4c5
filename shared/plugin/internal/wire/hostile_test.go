package wire

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"net"
	"net/rpc"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/yamux"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	goplugin "github.com/hashicorp/go-plugin"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/wire/pb"
)

// endless is a byte again and again.
type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

// gobStream returns the values as encoding/gob writes them one after the other.
func gobStream(t testing.TB, values ...any) []byte {
	t.Helper()
	var b bytes.Buffer
	encoder := gob.NewEncoder(&b)
	for _, v := range values {
		if err := encoder.Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// definitions returns n definitions of types as gob writes them: those of a struct, under other numbers.
func definitions(t testing.TB, n int) []byte {
	t.Helper()
	type One struct{ A int }
	stream := gobStream(t, One{1})
	definition := stream[:1+stream[0]]
	var b []byte
	for i := range n {
		b = append(b, definition...)
		b[len(b)-len(definition)+1] = 0xfe // two bytes follow, of which only the order matters
		b[len(b)-len(definition)+2] = byte(2*i + 1)
	}
	return b
}

func TestHostileAnswersOverRPC(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	large := gobStream(t, &rpc.Response{ServiceMethod: "Plugin.Encode"}, &Response{Value: make([]byte, limit+overhead)})
	fitting := gobStream(t, &rpc.Response{ServiceMethod: "Plugin.Encode"}, &Response{Value: make([]byte, limit)})
	for _, c := range []struct {
		name   string
		answer io.Reader
		kind   error // nil: the connection is lost
		says   string
		most   int // bytes that may be read of the answer
	}{
		{"a gibibyte", io.MultiReader(bytes.NewReader([]byte{0xfc, 0x40, 0, 0, 0}), endless(1)), nil, "1073741824", 64 << 10},
		{"more than there is", bytes.NewReader([]byte{0xf8, 255, 255, 255, 255, 255, 255, 255, 255}), nil,
			"18446744073709551615", 64 << 10},
		{"a value too large", io.MultiReader(bytes.NewReader(large), endless(1)), contract.ErrAnswer, "more than", 64 << 10},
		{"a length of nine bytes", endless(0xf7), nil, "not what encoding/gob writes", 64 << 10},
		{"empty messages", endless(0), nil, "EOF", 64 << 10},
		{"endless types", bytes.NewReader(definitions(t, 1000)), nil, "", 64 << 10},
		{"a large type", io.MultiReader(bytes.NewReader([]byte{0xfe, 0x20, 0, 1}), endless(1)), nil,
			"defines more", 64 << 10},
		{"text", strings.NewReader(strings.Repeat("HTTP/1.1 200 OK\r\n", 1000)), nil, "", 64 << 10},
		{"nothing", strings.NewReader(""), nil, "EOF", 0},
		{"half an answer", bytes.NewReader(fitting[:limit/2]), nil, "EOF", limit},
		{"another type", bytes.NewReader(gobStream(t, &rpc.Response{}, &rpc.Request{Seq: 5})), contract.ErrAnswer,
			"type mismatch", 64 << 10},
		{"an error of net/rpc", bytes.NewReader(gobStream(t, &rpc.Response{Error: "a\nb"}, struct{}{})),
			contract.ErrAnswer, `a\nb`, 64 << 10},
		{"an outcome that nobody knows",
			bytes.NewReader(gobStream(t, &rpc.Response{}, &Response{Outcome: 200, Text: "\x00"})),
			contract.ErrAnswer, `\x00`, 64 << 10},
		{"a value of garbage", bytes.NewReader(gobStream(t, &rpc.Response{}, &Response{Value: []byte{1, 2, 3}})),
			contract.ErrAnswer, "not encoded", 64 << 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			near, far := net.Pipe()
			client := newRPCClient(near, limit)
			written := make(chan int64, 1)
			go func() {
				_, _ = far.Read(make([]byte, 4<<10))            // the call
				go func() { _, _ = io.Copy(io.Discard, far) }() // ends with the pipe
				n, _ := io.Copy(far, c.answer)
				_ = far.Close()
				written <- n
			}()
			_, err := client.Encode(t.Context(), "hello")
			if c.kind != nil && !errors.Is(err, c.kind) {
				t.Errorf("error %v, want one of the kind %v", err, c.kind)
			}
			if c.kind == nil && !Lost(err) {
				t.Errorf("error %v, want one of a lost connection", err)
			}
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v does not say %q", err, c.says)
			}
			if n := <-written; n > int64(c.most) {
				t.Errorf("%d bytes were read, want at most %d", n, c.most)
			}
			if _, err := client.Encode(t.Context(), "hello"); !Lost(err) {
				t.Errorf("after the end of the connection: %v", err)
			}
		})
	}
}

// A stream of yamux can be read after it was closed on this side, so that only the bound itself can end the reading.
func TestNothingIsReadBeyondTheBound(t *testing.T) {
	t.Parallel()
	stream, peer := yamuxStream(t)
	conn := newBoundedConn(stream, 1<<20)
	defer func() { _ = conn.Close() }()
	send := func(b ...byte) {
		if _, err := peer.Write(b); err != nil {
			t.Error(err)
		}
	}
	buffer := make([]byte, 100)
	send(0xfc, 0x0f, 0xff, 0xff, 0xff)
	if n, err := conn.Read(buffer); n != 4 || err != nil {
		t.Fatalf("read %d bytes and %v, want all but the one that makes the length too large", n, err)
	}
	send(gobStream(t, "hello")...)
	if n, err := conn.Read(buffer); n != 0 || err == nil || !strings.Contains(err.Error(), "268435455") {
		t.Errorf("read %d bytes and %v after the refusal", n, err)
	}
}

// yamuxStream returns both ends of a stream.
func yamuxStream(t *testing.T) (near, far net.Conn) {
	t.Helper()
	ours, theirs := socketPair(t)
	client, err := yamux.Client(ours, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	server, err := yamux.Server(theirs, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	if near, err = client.Open(); err != nil {
		t.Fatal(err)
	}
	if far, err = server.Accept(); err != nil {
		t.Fatal(err)
	}
	return near, far
}

func TestAPluginThatDoesNotRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer func() { _ = far.Close() }()
		client := newRPCClient(near, MaxMessage)
		start := time.Now()
		large := make([]byte, writeAhead) // does not fit into the buffers between the processes
		for range 2 {                     // one call that is being written and one that waits for it
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := client.Encode(ctx, large); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v", err)
			}
			cancel()
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("two calls of a second took %s", took)
		}
		if _, err := client.Encode(t.Context(), large); !Lost(err) {
			t.Errorf("after %s: %v, want the connection lost", time.Since(start), err)
		}
		if took := time.Since(start); took != writeTimeout {
			t.Errorf("the connection was lost after %s, want %s", took, writeTimeout)
		}
	})
}

// TestCallsOfAPluginThatDoesNotRead holds what writeAhead says of the buffers: no call outlasts its context, neither
// when the plugin reads nothing of the calls nor when it does not even read its socket.
func TestCallsOfAPluginThatDoesNotRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		peer func(t *testing.T, far net.Conn)
	}{
		{"its calls", func(t *testing.T, far net.Conn) {
			t.Helper()
			session, err := yamux.Server(far, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = session.Close() })
		}},
		{"its socket", func(*testing.T, net.Conn) {}},
	} {
		for _, size := range []int{0, 1 << 10, 60 << 10} {
			t.Run(fmt.Sprintf("%s, %d bytes", c.name, size), func(t *testing.T) {
				t.Parallel()
				near, far := socketPair(t)
				session, err := yamux.Client(near, nil)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = session.Close() })
				c.peer(t, far)
				stream, err := session.Open()
				if err != nil {
					t.Fatal(err)
				}
				client := newRPCClient(stream, MaxMessage)
				start := time.Now()
				for range 200 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
					if _, err := client.Encode(ctx, make([]byte, size)); !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("error %v", err)
					}
					cancel()
				}
				if took := time.Since(start); took > writeTimeout/2 {
					t.Errorf("200 calls of a millisecond took %s", took)
				}
			})
		}
	}
}

// socketPair returns both ends of a Unix socket.
func socketPair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]net.Conn
	for i, fd := range pair {
		file := os.NewFile(uintptr(fd), "socket")
		ends[i], err = net.FileConn(file)
		_ = file.Close()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = ends[i].Close() })
	}
	return ends[0], ends[1]
}

func TestAPluginThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer func() { _ = far.Close() }()
		go func() { _, _ = io.Copy(io.Discard, far) }()
		client := newRPCClient(near, MaxMessage)
		for i := range maxAbandoned {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := client.Encode(ctx, "hello"); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("call %d: %v", i, err)
			}
			cancel()
		}
		if _, err := client.Encode(t.Context(), "hello"); !Lost(err) {
			t.Errorf("after %d calls without an answer: %v, want the connection lost", maxAbandoned, err)
		}
	})
}

// hostileServer is a gRPC plugin that answers what it is asked to.
type hostileServer struct {
	grpcPlugin
	pb.UnimplementedProtocolServer
}

func (h *hostileServer) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	pb.RegisterProtocolServer(s, h)
	return nil
}

func (*hostileServer) Encode(_ context.Context, request *pb.Carrier) (*pb.Carrier, error) {
	what, err := carrier{request.GetValue(), request.GetRaw()}.unpack()
	if err != nil {
		return nil, err
	}
	switch what := what.(type) {
	case []byte:
		return &pb.Carrier{Value: what}, nil
	case int64:
		return nil, status.Error(codes.Code(what), "because\n")
	}
	return &pb.Carrier{Value: make([]byte, MaxMessage+overhead)}, nil
}

func TestHostileAnswersOverGRPC(t *testing.T) {
	t.Parallel()
	sets := map[int]goplugin.PluginSet{versionGRPC: {Dispensed: &hostileServer{}}}
	client, _ := dispense(t, contract.GRPC, sets, ClientOptions{Caller: &recorder{}})
	for _, c := range []struct {
		order any
		kind  error
		says  string
	}{
		{"large", contract.ErrAnswer, "larger than max"},
		{[]byte{1, 2, 3}, contract.ErrAnswer, "not encoded"},
		{wrap(byte(fieldString), []byte{0xff}), contract.ErrAnswer, "UTF-8"},
		{codes.Unknown, contract.ErrRefused, `because\n`},
		{codes.OutOfRange, contract.ErrRefused, `because\n`},
		{codes.InvalidArgument, contract.ErrRefused, `because\n`},
		{codes.FailedPrecondition, contract.ErrInvalid, `because\n`},
		{codes.Internal, contract.ErrAnswer, `because\n`},
		{codes.DeadlineExceeded, context.DeadlineExceeded, ""},
	} {
		order := c.order
		if code, ok := order.(codes.Code); ok {
			order = int64(code)
		}
		if _, err := client.Encode(t.Context(), order); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: error %v, want one of the kind %v that says %q", c.order, err, c.kind, c.says)
		}
	}
	if _, err := client.Encode(t.Context(), int64(codes.Unavailable)); !Lost(err) {
		t.Errorf("Unavailable: %v, want one of a lost connection", err)
	}
	if _, err := client.Decode(t.Context(), nil); !errors.Is(err, contract.ErrAnswer) {
		t.Errorf("a method that is not there: %v", err)
	}
}

// FuzzFrames holds that it makes no difference how a stream is cut, and that no message beyond the limit is let
// through.
func FuzzFrames(f *testing.F) {
	f.Add(gobStream(f, &rpc.Response{}, &Response{Value: []byte("hello")}), 5)
	f.Add(gobStream(f, &Response{Value: make([]byte, 1000)}), 1)
	f.Add(definitions(f, 100), 3)
	f.Add([]byte{0xfc, 0x40, 0, 0, 0, 1}, 2)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		const limit = 500
		whole, parts := frames{limit: limit}, frames{limit: limit}
		want, wantErr := whole.check(b)
		cut = min(max(cut, 1), 100)
		got, err := inParts(parts.check, b, cut)
		if got != want || (wantErr == nil) != (err == nil) {
			t.Fatalf("%x: %d bytes and %v at once, %d and %v in parts of %d", b, want, wantErr, got, err, cut)
		}
		if wantErr == nil && whole.left > limit {
			t.Fatalf("%x: a message of %d bytes", b, whole.left)
		}
	})
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                        "",
		"grüß dich, 世界 🙂":         "grüß dich, 世界 🙂",
		"a\x1b[31m\r\nb":          `a\x1b[31m\r\nb`,
		"\xff\u202e\x00":          `\xff\u202e\x00`,
		strings.Repeat("ab", 512): strings.Repeat("ab", 512),
		strings.Repeat("ab", 513): strings.Repeat("ab", 512) + "…",
		strings.Repeat("ä", 1000): strings.Repeat("ä", 512) + "…",
	} {
		if got := printable(text); got != want {
			t.Errorf("%.40q became %.40q (%d bytes), want %.40q (%d)", text, got, len(got), want, len(want))
		}
	}
}

func TestLost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{rpc.ErrShutdown, true},
		{io.ErrUnexpectedEOF, true},
		{io.EOF, true},
		{net.ErrClosed, true},
		{&lostError{errAbandoned}, true},
		{status.Error(codes.Unavailable, "transport is closing"), true},
		{status.Error(codes.InvalidArgument, ""), false},
		{context.DeadlineExceeded, false},
		{context.Canceled, false},
		{contract.ErrAnswer, false},
		{contract.ErrRefused, false},
	} {
		if got := Lost(c.err); got != c.want {
			t.Errorf("Lost(%v) is %t", c.err, got)
		}
	}
}

// inParts gives b to a check in parts of cut bytes until it fails, and returns how much it found good.
func inParts(check func([]byte) (int, error), b []byte, cut int) (good int, err error) {
	for len(b) > 0 && err == nil {
		var n int
		n, err = check(b[:min(cut, len(b))])
		good += n
		b = b[n:]
	}
	return good, err
}
