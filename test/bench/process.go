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
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The cores that servers and load are pinned to, as taskset counts them.
const (
	serverCore = "0"
	loadCore   = "1"
)

// process is a server under measurement.
type process struct {
	cmd  *exec.Cmd
	addr string
}

// start runs a server, pinned to core, whose arguments name addr, and returns once it answers GET path with 200.
func start(ctx context.Context, core, addr, path string, argv ...string) (p *process, took time.Duration, err error) {
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", core}, argv...)...)
	cmd.Stderr = nil
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, 0, err
	}
	p = &process{cmd: cmd, addr: addr}
	if err := p.await(ctx, path); err != nil {
		p.stop()
		return nil, 0, fmt.Errorf("%s: %w", strings.Join(argv, " "), err)
	}
	return p, time.Since(begin), nil
}

// await asks until the server answers, without pause: the time is what is measured.
func (p *process) await(ctx context.Context, path string) error {
	request := []byte("GET " + path + " HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline) && ctx.Err() == nil; {
		conn, err := net.Dial("tcp", p.addr)
		if err != nil {
			continue
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = conn.Write(request)
		answer, _ := io.ReadAll(io.LimitReader(conn, 12))
		_ = conn.Close()
		if string(answer) == "HTTP/1.1 200" {
			return nil
		}
	}
	return fmt.Errorf("no answer from %s", p.addr)
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	_ = p.cmd.Wait()
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
