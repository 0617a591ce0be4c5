package testkit

import (
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const redisTimeout = 10 * time.Second

// Redis is a redis-server on a port of 127.0.0.1 that a test owns. It keeps its data in memory only.
type Redis struct {
	Addr string // host:port, the same after every Start

	t       testing.TB
	program string
	args    []string
	process *Process
}

// StartRedis starts a redis-server and returns once it accepts connections. It ends with the test. The args are the
// server's own, such as "--requirepass", "secret"; those that name a certificate make it speak TLS, and only TLS.
//
// Without the program the test is skipped, as Need says.
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	program := Need(t, "redis-server")
	for range startAttempts {
		port := FreePorts(t, 1)[0]
		r := &Redis{Addr: net.JoinHostPort("127.0.0.1", port), t: t, program: program, args: redisArgs(port, args)}
		if r.start() {
			return r
		}
	}
	t.Fatalf("redis-server did not come up in %d attempts", startAttempts)
	return nil
}

func redisArgs(port string, args []string) []string {
	listen := []string{"--port", port}
	if slices.Contains(args, "--tls-cert-file") {
		listen = []string{"--port", "0", "--tls-port", port, "--tls-auth-clients", "no"}
	}
	return slices.Concat(listen, []string{"--bind", "127.0.0.1", "--save", "", "--appendonly", "no"}, args)
}

// start runs the server and tells whether it came up. It did not when it lost its port to someone else.
func (r *Redis) start() bool {
	r.t.Helper()
	r.process = Exec(r.t, r.program, r.args, []string{"PATH=" + os.Getenv("PATH")})
	process := r.process
	r.t.Cleanup(func() { _ = process.Signal(syscall.SIGCONT) }) // a paused server would not hear that it is to end
	Eventually(r.t, redisTimeout, "redis-server to come up", func() bool {
		return process.within(0) || strings.Contains(process.Stdout(), "Ready to accept connections")
	})
	return !process.within(0)
}

// Stop ends the server with a signal: SIGTERM lets it say goodbye, SIGKILL does not.
func (r *Redis) Stop(sig syscall.Signal) {
	r.t.Helper()
	r.process.Stop(r.t, sig)
}

// Start starts the server again after a Stop, without the data that it had.
func (r *Redis) Start() {
	r.t.Helper()
	Eventually(r.t, redisTimeout, "redis-server to get its port back", r.start)
}

// Pause makes the server hang: connections stay open and new ones are taken by the kernel, but nothing answers.
func (r *Redis) Pause() {
	r.t.Helper()
	r.signal(syscall.SIGSTOP)
}

// Resume ends a Pause.
func (r *Redis) Resume() {
	r.t.Helper()
	r.signal(syscall.SIGCONT)
}

func (r *Redis) signal(sig syscall.Signal) {
	r.t.Helper()
	if err := r.process.Signal(sig); err != nil {
		r.t.Fatalf("sending %s to redis-server: %v", sig, err)
	}
}

// Do sends one command past every client library, as a person would with telnet, and returns what the server says
// first: a line such as "+OK", or the content of a bulk string.
func (r *Redis) Do(command string) string {
	r.t.Helper()
	conn, err := net.DialTimeout("tcp", r.Addr, redisTimeout)
	if err != nil {
		r.t.Fatalf("connecting to redis-server: %v", err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(redisTimeout))
	// QUIT makes the server close the connection behind the answer.
	if _, err := conn.Write([]byte(command + "\r\nQUIT\r\n")); err != nil {
		r.t.Fatalf("sending %q to redis-server: %v", command, err)
	}
	reply, err := io.ReadAll(conn)
	if err != nil {
		r.t.Fatalf("the answer of redis-server to %q: %v", command, err)
	}
	answer := strings.TrimSuffix(string(reply), "\r\n+OK\r\n")
	if length, content, bulk := strings.Cut(answer, "\r\n"); bulk && strings.HasPrefix(length, "$") {
		return content
	}
	return answer
}
