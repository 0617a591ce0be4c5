package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/rpc"
	"strings"
	"testing"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
)

// guardedClient returns go-plugin's side of a guarded connection to a server of p, and what was refused on it.
func guardedClient(t *testing.T, p goplugin.Plugin) (client *goplugin.RPCClient, refused <-chan error) {
	t.Helper()
	near, far := socketPair(t)
	server := &goplugin.RPCServer{
		Plugins: goplugin.PluginSet{Dispensed: p}, Stdout: strings.NewReader("out"), Stderr: strings.NewReader("err"),
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.ServeConn(far)
	}()
	reasons := make(chan error, 2)
	client, err := goplugin.NewRPCClient(Guard(near, func(err error) { reasons <- err }),
		ClientSets(ClientOptions{})[versionRPC])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = client.Close()
		<-served
	})
	return client, reasons
}

// A plugin that does nothing wrong goes through all that a connection is used for.
func TestGuardedPluginServes(t *testing.T) {
	t.Parallel()
	connection, refused := guardedClient(t, &rpcPlugin{protocol: encoding(echo)})
	if err := connection.SyncStreams(io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	dispensed, err := connection.Dispense(Dispensed)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 1, 1 << 10, MaxMessage} {
		want := bytes.Repeat([]byte{7}, size)
		got, err := dispensed.(Client).Encode(t.Context(), want)
		if b, ok := got.([]byte); err != nil || !ok || !bytes.Equal(b, want) {
			t.Errorf("%d bytes became %.100v, %v", size, got, err)
		}
		if err := connection.Ping(); err != nil {
			t.Error(err)
		}
	}
	if err := connection.Close(); err != nil {
		t.Error(err)
	}
	select {
	case err := <-refused:
		t.Errorf("refused: %v", err)
	default:
	}
}

// rogue is a plugin that does what its host cannot want.
type rogue struct {
	goplugin.NetRPCUnsupportedPlugin
	server func(*goplugin.MuxBroker) (any, error)
}

func (r *rogue) Server(b *goplugin.MuxBroker) (any, error) { return r.server(b) }

// Loud answers the question where the plugin serves with a long error.
type Loud struct{}

// Open fails.
func (*Loud) Open(uint32, *uint32) error { return errLoud }

var errLoud = errors.New(strings.Repeat("no ", maxControl))

func TestGuardEndsTheConnection(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		server func(*goplugin.MuxBroker) (any, error)
		says   string
	}{
		{"a large answer of go-plugin", func(*goplugin.MuxBroker) (any, error) { return nil, errLoud },
			"more than the 65536"},
		{"a large answer to where it serves", func(*goplugin.MuxBroker) (any, error) { return &Loud{}, nil },
			"more than the 65536"},
		{"a stream of its own", func(b *goplugin.MuxBroker) (any, error) {
			_, err := b.Dial(7)
			return nil, err
		}, "opened a stream"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			connection, refused := guardedClient(t, &rogue{server: c.server})
			if _, err := connection.Dispense(Dispensed); !Lost(errors.Unwrap(err)) && !Lost(err) {
				t.Errorf("error %v, want one of a lost connection", err)
			}
			if err := <-refused; !strings.Contains(err.Error(), c.says) {
				t.Errorf("refused: %v, want what says %q", err, c.says)
			}
			if err := connection.Ping(); !Lost(err) {
				t.Errorf("a ping after it: %v, want the connection lost", err)
			}
		})
	}
}

// frame returns the header of a frame of yamux.
func frame(version, kind byte, flags uint16, id, length uint32) []byte {
	b := []byte{version, kind}
	b = binary.BigEndian.AppendUint16(b, flags)
	b = binary.BigEndian.AppendUint32(b, id)
	return binary.BigEndian.AppendUint32(b, length)
}

// data returns a frame with data of a stream.
func data(flags uint16, id uint32, b ...byte) []byte {
	return append(frame(0, frameData, flags, id, uint32(len(b))), b...)
}

// join returns the frames one after the other.
func join(frames ...[]byte) []byte { return bytes.Join(frames, nil) }

func TestMux(t *testing.T) {
	t.Parallel()
	const update = 1
	answer := gobStream(t, &rpc.Response{}, struct{ A int }{1})
	ping := frame(0, framePing, flagSYN, 0, 1)
	for _, c := range []struct {
		name string
		sent []byte
		says string // why the last frame is refused; "" when it is not
	}{
		{"an answer", data(flagACK, 1, answer...), ""},
		{"an answer in two", join(data(flagACK, 1, answer[0]), data(0, 1, answer[1:]...)), ""},
		{"an answer after the broker's number", data(flagACK, 7, append([]byte{0xf7, 0, 0, 0}, answer...)...), ""},
		{"what it prints", data(flagACK, 3, 0xf7, 0xf7), ""},
		{"an answer to a call", data(flagACK, 9, 0xf7, 0xf7), ""},
		{"pings and farewell", join(ping, frame(0, framePing, flagACK, 0, 1), frame(0, frameGoAway, 0, 0, 0)), ""},
		{"the end of a stream", join(frame(0, update, flagACK, 3, 0), frame(0, update, flagFIN, 3, 0)), ""},
		{"as many pings as may be", bytes.Repeat(ping, maxPings), ""},
		{"too many pings", bytes.Repeat(ping, maxPings+1), "more than 100 pings"},
		{"a large answer", data(0, 1, 0xfc, 0x40, 0, 0, 0), "1073741824"},
		{"a large answer after the broker's number", data(0, 7, 1, 2, 3, 4, 0xfc, 0x40, 0, 0, 0), "1073741824"},
		{"a stream", frame(0, update, flagSYN, 2, 0), "opened a stream"},
		{"a stream with data", data(flagSYN|flagACK, 11), "opened a stream"},
		{"a stream that is there", frame(0, update, flagSYN, 9, 0), "opened a stream"},
		{"no stream", frame(0, update, 0, 0, 0), "stream 0, which nobody opened"},
		{"a stream of the plugin", data(0, 2), "stream 2, which nobody opened"},
		{"a stream yet to come", data(0, 11), "stream 11, which nobody opened"},
		{"established twice", join(frame(0, update, flagACK, 5, 0), frame(0, update, flagACK, 5, 0)), "once more"},
		{"after a stream's end", join(frame(0, update, flagFIN, 5, 0), data(0, 5)), "after its end"},
		{"after a reset", join(frame(0, update, flagRST, 5, 0), frame(0, update, 0, 5, 0)), "after its end"},
		{"another version", frame(1, frameData, 0, 1, 0), "no frame of yamux"},
		{"another kind", frame(0, frameGoAway+1, 0, 1, 0), "no frame of yamux"},
		{"text", []byte("HTTP/1.1 200"), "no frame of yamux"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMux(func() time.Time { return time.Unix(1, 0) })
			good, err := m.check(c.sent)
			if c.says == "" && (err != nil || good != len(c.sent)) {
				t.Errorf("%d of %d bytes are good: %v", good, len(c.sent), err)
			}
			if c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || good != len(c.sent)-1) {
				t.Errorf("%d of %d bytes are good: %v; want all but one, and what says %q", good, len(c.sent), err, c.says)
			}
		})
	}
}

// A plugin that asks twice a minute is never refused, however long it runs.
func TestPingsAreForgotten(t *testing.T) {
	t.Parallel()
	now := time.Unix(1, 0)
	m := newMux(func() time.Time { return now })
	for range 10 * maxPings {
		if _, err := m.check(frame(0, framePing, flagSYN, 0, 1)); err != nil {
			t.Fatal(err)
		}
		now = now.Add(30 * time.Second)
	}
}

// A plugin that is refused is not heard any more, though it goes on.
func TestGuardedConnectionStaysEnded(t *testing.T) {
	t.Parallel()
	farewell := frame(0, frameGoAway, 0, 0, 0)
	for _, c := range []struct {
		name string
		bad  []byte
		end  error // the one that yamux does not write to our standard error
	}{
		{"in a header", data(flagSYN, 2), net.ErrClosed},
		{"in an answer", data(0, 1, 0xf7), io.EOF},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			near, far := socketPair(t)
			var refused []error
			conn := Guard(near, func(err error) { refused = append(refused, err) })
			sent := join(farewell, c.bad, farewell)
			if _, err := far.Write(sent); err != nil {
				t.Fatal(err)
			}
			buffer := make([]byte, 100)
			n, err := conn.Read(buffer)
			want := join(farewell, c.bad[:len(c.bad)-1])
			if !errors.Is(err, c.end) || !bytes.Equal(buffer[:n], want) || len(refused) != 1 {
				t.Errorf("read %x, %v with %v refused, want %x and %v", buffer[:n], err, refused, want, c.end)
			}
			if n, err := conn.Read(buffer); n != 0 || !errors.Is(err, c.end) || len(refused) != 1 {
				t.Errorf("read %d bytes and %v with %v refused, want %v", n, err, refused, c.end)
			}
		})
	}
}

// FuzzMux holds that it makes no difference how a connection is cut, and that no stream beside ours gets through.
func FuzzMux(f *testing.F) {
	answer := gobStream(f, &rpc.Response{}, &Response{Value: []byte("hello")})
	f.Add(data(flagACK, 1, answer...), 5)
	f.Add(data(0, 7, answer...), 1)
	f.Add(join(frame(0, framePing, flagSYN, 0, 0), frame(0, frameGoAway, 0, 0, 0), frame(0, 1, flagFIN, 3, 0)), 13)
	f.Add(bytes.Repeat(frame(0, framePing, flagSYN, 0, 0), maxPings+2), 12)
	f.Add(data(flagSYN, 2), 3)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		now := func() time.Time { return time.Unix(1, 0) }
		whole, parts := newMux(now), newMux(now)
		sent := bytes.Clone(b)
		want, wantErr := whole.check(b)
		if !bytes.Equal(sent, b) {
			t.Fatalf("%x became %x", sent, b)
		}
		cut = min(max(cut, 1), 100)
		got, err := inParts(parts.check, b, cut)
		if got != want || (wantErr == nil) != (err == nil) {
			t.Fatalf("%x: %d bytes and %v at once, %d and %v in parts of %d", b, want, wantErr, got, err, cut)
		}
		if wantErr == nil && want != len(b) {
			t.Fatalf("%x: %d bytes are good of %d", b, want, len(b))
		}
	})
}

// BenchmarkMux measures the check of an answer of a kibibyte.
func BenchmarkMux(b *testing.B) {
	m := newMux(time.Now)
	sent := data(0, lastStream, make([]byte, 1<<10)...)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.check(sent); err != nil {
			b.Fatal(err)
		}
	}
}
