package launch

import (
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
	if n, err := (quietConn{a}).Write([]byte("hello")); n != 5 || err != nil {
		t.Errorf("Write returned %d, %v", n, err)
	}
	if _, err := (quietConn{a}).Read(make([]byte, 1)); err == nil {
		t.Error("Read returned no error, by which the end of a plugin is noticed")
	}
}
