package launch

import (
	"errors"
	"io"
	"net"
	"testing"
)

// A write that fails would have yamux write to our standard error.
func TestWritesToAPluginThatEndedAreQuiet(t *testing.T) {
	t.Parallel()
	a, b := net.Pipe()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	c := yamuxConn{Conn: a}
	if n, err := c.Write([]byte("hello")); n != 5 || err != nil {
		t.Errorf("Write returned %d, %v", n, err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("Read returned no error, by which the end of a plugin is noticed")
	}
}

// What a plugin answers to being asked to end would have yamux's streams close on this side first.
func TestPluginThatIsAskedToEndIsHeardNoMore(t *testing.T) {
	t.Parallel()
	a, b := net.Pipe()
	closing, exited := make(chan struct{}), make(chan struct{})
	c := yamuxConn{a, closing, exited}
	close(closing)
	go func() {
		_, _ = b.Write([]byte("as you wish"))
		close(exited)
	}()
	if n, err := c.Read(make([]byte, 100)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("Read returned %d, %v, want the end", n, err)
	}
	select {
	case <-exited:
	default:
		t.Error("Read returned before the process was gone")
	}
}
