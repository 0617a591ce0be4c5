package testkit

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestExecKeepsOutputAndExitCode(t *testing.T) {
	t.Parallel()
	p := Exec(t, Need(t, "sh"), []string{"-c", "echo out; echo err >&2; exit 3"}, nil)
	if code := p.Wait(t, 10*time.Second); code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
	if p.Stdout() != "out\n" || p.Stderr() != "err\n" {
		t.Errorf("stdout %q, stderr %q", p.Stdout(), p.Stderr())
	}
	if sig := p.Signaled(); sig != -1 {
		t.Errorf("ended by signal %v, but it left by itself", sig)
	}
}

func TestExecPassesNoEnvironmentOfTheTestOn(t *testing.T) {
	t.Parallel()
	p := Exec(t, Need(t, "env"), nil, nil)
	p.Wait(t, 10*time.Second)
	if p.Stdout() != "" {
		t.Errorf("the process was to have an empty environment, it had:\n%s", p.Stdout())
	}
}

func TestStopReportsTheSignal(t *testing.T) {
	t.Parallel()
	p := Exec(t, Need(t, "sleep"), []string{"600"}, nil)
	if code := p.Stop(t, syscall.SIGTERM); code != -1 || p.Signaled() != syscall.SIGTERM {
		t.Errorf("exit code %d, signal %v; want -1 and SIGTERM", code, p.Signaled())
	}
	if err := p.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("signaling an ended process: %v, want os.ErrProcessDone", err)
	}
}

func TestOutputIsBounded(t *testing.T) {
	t.Parallel()
	var o output
	big := make([]byte, outputLimit-1)
	for _, b := range [][]byte{big, []byte("ab"), []byte("c")} {
		if n, err := o.Write(b); n != len(b) || err != nil {
			t.Fatalf("Write = %d, %v; a process must not notice that its output is dropped", n, err)
		}
	}
	if kept := o.String(); len(kept) != outputLimit || kept[len(kept)-1] != 'a' {
		t.Errorf("kept %d bytes, want the first %d", len(kept), outputLimit)
	}
}

func TestStartServerTriesAgainWhenAPortIsTaken(t *testing.T) {
	t.Parallel()
	binary := Build(t, "test/testkit/testdata/server")
	if again := Build(t, "test/testkit/testdata/server"); again != binary {
		t.Errorf("built twice, at %s and %s", binary, again)
	}
	p := StartServer(t, binary, "--port-metrics=0", "--grpc-port=0", "GREETING=hello")
	if p.MetricsURL != "" || p.GRPCAddr != "" || p.SecureURL != "" {
		t.Errorf("metrics %q, gRPC %q, HTTPS %q: all of them are off", p.MetricsURL, p.GRPCAddr, p.SecureURL)
	}
	if !answers(p.URL) {
		t.Error("the server does not answer")
	}
	if !strings.Contains(p.Stderr(), "GREETING is hello") {
		t.Errorf("the setting did not arrive; stderr:\n%s", p.Stderr())
	}
	if code := p.Stop(t, syscall.SIGTERM); code != 7 {
		t.Errorf("exit code %d, want the server's own 7", code)
	}
	if p.Stdout() != "stopping\n" {
		t.Errorf("stdout %q", p.Stdout())
	}
}

func TestServersFollowTheirSettings(t *testing.T) {
	t.Parallel()
	args, env := arguments(t, "/somewhere", []string{"--host=::1", "--cert-path=/certs", "--grpc-port=0", "A=b"})
	p := new(Process)
	p.listeners(args)
	if !strings.HasPrefix(p.URL, "http://[::1]:") || !strings.HasPrefix(p.SecureURL, "https://[::1]:") {
		t.Errorf("URL %q, secure URL %q; want both on ::1", p.URL, p.SecureURL)
	}
	if p.GRPCAddr != "" {
		t.Errorf("gRPC at %q, want it off", p.GRPCAddr)
	}
	if last := env[len(env)-1]; last != "A=b" {
		t.Errorf("last of the environment is %q, want A=b", last)
	}
	if _, given := flagValue(args, "data-path"); !given {
		t.Errorf("no --data-path in %q", args)
	}
}
