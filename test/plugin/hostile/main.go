// Command hostile is a plugin that does harm, or tries to, in the way that the end of its name says. What our package
// for plugins would not let it do is made without that.
package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/podinfo-targets/podinfo/shared/plugin"
)

func main() {
	if os.Getenv("CHILD") != "" {
		child()
	}
	parts := strings.SplitN(filepath.Base(os.Args[0]), "-", 3)
	transport, mode := parts[1], parts[2]
	if before := atStart(transport)[mode]; before != nil {
		before()
	}
	if mode == "gigabyte" {
		serveGigabytes(transport)
		return
	}
	plugin.Serve(codec{mode})
}

// atStart is what there is to do before the plugin serves, or instead of it.
func atStart(transport string) map[string]func() {
	sockets := os.Getenv("PLUGIN_UNIX_SOCKET_DIR")
	own := map[string]string{"grpc": "2|unix|ADDRESS|grpc|", "rpc": "1|unix|ADDRESS|netrpc|"}[transport]
	other := map[string]string{"grpc": "1|unix|ADDRESS|netrpc|", "rpc": "2|unix|ADDRESS|grpc|"}[transport]
	return map[string]func(){
		"exit":          func() { os.Exit(3) },
		"hang":          hang,
		"slow":          func() { <-time.After(500 * time.Millisecond) },
		"garbage":       func() { say("Hello! I am up."); hang() },
		"endless":       func() { flood(os.Stdout, make([]byte, 1<<20)); hang() },
		"tcp":           func() { say(strings.Replace(own, "unix|ADDRESS", "tcp|127.0.0.1:1", 1)); hang() },
		"wrongprotocol": func() { shake(other, filepath.Join(sockets, "s"), io.Discard) },
		"foreignsocket": func() { shake(own, filepath.Join(sockets, "..", "foreign-"+transport), io.Discard) },
		"noise":         func() { shake(own, filepath.Join(sockets, "s"), nil) },
		"fork":          fork,
		"floodstderr":   func() { go flood(os.Stderr, line()) },
		"floodstdout":   func() { afterHandshake(os.Stdout) },
	}
}

func hang() {
	for {
		<-time.After(time.Hour)
	}
}

// say writes the line by which go-plugin's hosts are told where a plugin is, or what is to be taken for it.
func say(line string) {
	if strings.HasPrefix(line, "1|") || strings.HasPrefix(line, "2|") {
		line = "1|" + line
	}
	_, _ = io.WriteString(os.Stdout, line+"\n")
}

// shake listens at the address and says so. Who connects is not answered, or is sent noise when there is no sink.
func shake(handshake, address string, sink io.Writer) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "unix", address)
	if err != nil {
		os.Exit(4)
	}
	say(strings.Replace(handshake, "ADDRESS", address, 1))
	for {
		conn, err := l.Accept()
		if err != nil {
			os.Exit(5)
		}
		if sink == nil {
			go flood(conn, line())
			continue
		}
		go func() { _, _ = io.Copy(sink, conn) }()
	}
}

// line is one of a flood.
func line() []byte { return append([]byte(strings.Repeat("\x80flood\x00", 100)), '\n') }

// flood writes 16 MiB, which is more than anybody wants.
func flood(w io.Writer, what []byte) {
	for n := 0; n < 16<<20; n += len(what) {
		if _, err := w.Write(what); err != nil {
			return
		}
	}
}

// afterHandshake floods the real stdout, in whose place go-plugin puts a pipe of its own.
func afterHandshake(stdout *os.File) {
	time.AfterFunc(200*time.Millisecond, func() { flood(stdout, line()) })
}

// fork starts processes that do all they can to stay: they are in sessions of their own, lose their parent, and ignore
// what asks them to end.
func fork() {
	if err := errors.Join(spawn("1"), spawn("2"), spawn("2")); err != nil {
		os.Exit(6)
	}
}

func spawn(generation string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	c := exec.CommandContext(context.Background(), self)
	c.Env = []string{"CHILD=" + generation}
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return c.Start()
}

func child() {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGPIPE)
	if os.Getenv("CHILD") == "2" {
		_ = spawn("1")
		os.Exit(0)
	}
	hang()
}

// codec answers with what it gets, and does its harm while it does so.
type codec struct{ mode string }

// Info says what harm it does.
func (c codec) Info(context.Context) (plugin.Info, error) {
	return plugin.Info{Name: c.mode, Description: strings.Repeat("harm\x00", 100_000)}, nil
}

// Decode answers with the value.
func (codec) Decode(_ context.Context, value any) (any, error) { return value, nil }

// Encode does harm.
func (c codec) Encode(_ context.Context, value any) (any, error) {
	switch c.mode {
	case "memory":
		return nil, eat()
	case "answer":
		return make([]byte, 32<<20), nil
	case "deaf":
		hang()
	case "refusal":
		return nil, errors.New(strings.Repeat(string(line()), 1<<10))
	}
	return value, nil
}

// eat takes memory until it gets no more, up to 2 GiB.
func eat() error {
	var all [][]byte
	for range 256 {
		b := make([]byte, 8<<20)
		for i := range b {
			b[i] = 1
		}
		all = append(all, b)
	}
	runtime.KeepAlive(all)
	return errors.New("nobody kept me from 2 GiB")
}
