package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The cores that servers and load run on, as Linux counts them.
const (
	serverCore = 0
	loadCore   = 1
)

// command is a program to start. It gets no variables but these.
type command struct{ argv, env []string }

// process is a server or a function under measurement.
type process struct {
	cmd   *exec.Cmd
	addr  string      // where a server listens
	api   *runtimeAPI // what a Lambda function asks for events
	first []byte      // what it answered to the first one
}

// start runs a command on the servers' core and returns once it is ready, with the time from its exec until then.
func (p *process) start(ctx context.Context, c command, ready func() error) (*process, time.Duration, error) {
	p.cmd = exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, c.env...)
	begin := time.Now()
	err := startOn(serverCore, p.cmd)
	if err == nil {
		err = ready()
	}
	if err != nil {
		p.stop()
		return nil, 0, fmt.Errorf("%s: %w", c.argv[0], err)
	}
	return p, time.Since(begin), nil
}

// startServer runs a server, which is told its port and one more, and returns once it answers GET /version with 200.
func startServer(ctx context.Context, server func(port, metrics string) command) (*process, time.Duration, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, 0, err
	}
	metrics, err := freeAddr()
	if err != nil {
		return nil, 0, err
	}
	p := &process{addr: addr}
	return p.start(ctx, server(portOf(addr), portOf(metrics)), func() error { return await(ctx, addr, "/version") })
}

// startFunction runs a Lambda function and returns once it has answered its first event.
func startFunction(ctx context.Context, c command, event []byte) (*process, time.Duration, error) {
	api, err := newRuntimeAPI()
	if err != nil {
		return nil, 0, err
	}
	c.env = append(c.env, "AWS_LAMBDA_RUNTIME_API="+api.addr)
	p := &process{api: api}
	return p.start(ctx, c, func() error {
		p.first, err = api.invoke(ctx, event)
		return err
	})
}

// await asks until a server answers, without pause: the time is what is measured.
func await(ctx context.Context, addr, path string) error {
	request := []byte("GET " + path + " HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
	for deadline := time.Now().Add(patience); time.Now().Before(deadline) && ctx.Err() == nil; {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			continue
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, _ = conn.Write(request)
		answer, _ := io.ReadAll(io.LimitReader(conn, 12))
		_ = conn.Close()
		if string(answer) == "HTTP/1.1 200" {
			return nil
		}
	}
	return fmt.Errorf("no answer from %s", addr)
}

// stop ends the process at once, and what was there for it alone.
func (p *process) stop() {
	if p.cmd.Process != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
	if p.api != nil {
		p.api.close()
	}
}

// cpu is the user and system time that the process has used, in nanoseconds where /proc counts in hundredths of a
// second. The clock of another process is named by its id
// (https://man7.org/linux/man-pages/man3/clock_getcpuclockid.3.html).
func (p *process) cpu() (time.Duration, error) {
	const scheduled = 2 // CPUCLOCK_SCHED: user and system time as the scheduler measures it
	var used unix.Timespec
	err := unix.ClockGettime(int32(^p.cmd.Process.Pid<<3|scheduled), &used)
	return time.Duration(used.Nano()), err
}

// rss is the memory that the process holds, in bytes.
func (p *process) rss() (int64, error) {
	data, err := os.ReadFile(p.proc("status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if kb, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseInt(strings.Fields(kb)[0], 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("no VmRSS of process %d", p.cmd.Process.Pid)
}

func (p *process) proc(name string) string {
	return filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), name)
}

// mallocs is how many objects the server says it has allocated: as a bare number, or among Prometheus metrics.
func (p *process) mallocs(path string) (float64, error) {
	got, err := fetch("http://"+p.addr+path, http.MethodGet, nil)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(got.body) {
		if n, ok := strings.CutPrefix(line, "go_memstats_mallocs_total "); ok {
			return strconv.ParseFloat(strings.TrimSpace(n), 64)
		}
	}
	return strconv.ParseFloat(got.body, 64)
}

// reply is a whole answer.
type reply struct {
	status int
	header http.Header
	body   string
}

// fetch makes one request on a connection of its own.
func fetch(url, method string, body io.Reader) (reply, error) {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	request, err := http.NewRequest(method, url, body)
	if err != nil {
		return reply{}, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(answer.Body)
	return reply{answer.StatusCode, answer.Header, string(data)}, err
}

// freeAddr is an address of loopback that nothing listens on.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func portOf(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}
