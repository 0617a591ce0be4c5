package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/podinfo-targets/podinfo/shared/version"
)

// asPodcli makes the test's own program behave as podcli, for the tests that need a process: signals, a terminal, an
// environment of its own.
const asPodcli = "PODCLI_TEST_AS_PODCLI"

func TestMain(m *testing.M) {
	if os.Getenv(asPodcli) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

// process returns podcli with args as a command that is yet to start.
func process(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), asPodcli+"=1")
	return cmd
}

type result struct {
	code           int
	stdout, stderr string
}

// podcli runs the command line args in this process.
func podcli(stdin string, args ...string) result {
	var stdout, stderr bytes.Buffer
	code := run(args, strings.NewReader(stdin), &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

type logEntry struct {
	text   string
	fields map[string]any
}

var logFormat = regexp.MustCompile(
	`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\tINFO\tpodcli/\w+\.go:\d+\t([^\t]+)\t(\{.*\})$`)

// parseLog reads log lines and fails the test over anything else.
func parseLog(t *testing.T, stderr string) []logEntry {
	t.Helper()
	var entries []logEntry
	for line := range strings.Lines(stderr) {
		match := logFormat.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if match == nil {
			t.Fatalf("not a log line: %q", line)
		}
		entry := logEntry{text: match[1]}
		if err := json.Unmarshal([]byte(match[2]), &entry.fields); err != nil {
			t.Fatalf("the fields of %q are not JSON: %v", line, err)
		}
		entries = append(entries, entry)
	}
	return entries
}

// wantCheck fails the test unless r is the outcome of one try with the text and fields given. A wanted "*" stands for
// any string.
func wantCheck(t *testing.T, r result, code int, fields map[string]any) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit status %d, want %d; stderr: %s", r.code, code, r.stderr)
	}
	if r.stdout != "" {
		t.Errorf("stdout is %q, want nothing", r.stdout)
	}
	entries := parseLog(t, r.stderr)
	if len(entries) != 1 {
		t.Fatalf("%d log lines, want 1:\n%s", len(entries), r.stderr)
	}
	if want := map[int]string{0: "check succeed", 1: "check failed"}[code]; entries[0].text != want {
		t.Errorf("the log says %q, want %q", entries[0].text, want)
	}
	for key, want := range fields {
		if got, found := entries[0].fields[key]; got != want && (want != "*" || !found) {
			t.Errorf("field %q is %v, want %v", key, got, want)
		}
	}
	if len(entries[0].fields) != len(fields) {
		t.Errorf("fields %v, want %v", entries[0].fields, fields)
	}
}

// listenIPv6 returns a listener on ::1, or skips the test on a machine without.
func listenIPv6(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skipf("SKIPPED %s: needs IPv6 on the loopback interface: %v", t.Name(), err)
	}
	return listener
}

// silentServer accepts connections and never says a word on them.
func silentServer(t *testing.T) string {
	t.Helper()
	// The kernel accepts for a listener until its backlog is full; nobody has to call Accept.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}

func TestHelpAndUsage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		args   []string
		code   int
		stdout string // must occur; nothing may be printed when empty
		stderr string
	}{
		{"no command", []string{}, 0, "Available Commands:", ""},
		{"help flag", []string{"--help"}, 0, "Available Commands:", ""},
		{"help command", []string{"help", "check", "http"}, 0, "--retry int", ""},
		{"check without a command", []string{"check"}, 0, "Available Commands:", ""},
		{"completion", []string{"completion", "bash"}, 0, "__start_podcli", ""},
		{"version", []string{"version"}, 0, version.Version + "\n", ""},
		{"no version flag", []string{"--version"}, 1, "", "Error: unknown flag: --version\n\nUsage:"},
		{"unknown command", []string{"chekc"}, 1, "", `Error: unknown command "chekc" for "podcli"`},
		{"unknown check", []string{"check", "udp"}, 1, "", `Error: unknown command "udp" for "podcli check"`},
		{"no address", []string{"check", "http"}, 1, "", "podcli check http ADDRESS [flags]"},
		{"two addresses", []string{"check", "tcp", "a:1", "b:1"}, 1, "", "podcli check tcp HOST:PORT [flags]"},
		{"retry is no number", []string{"check", "http", "--retry=x", "a"}, 1, "", `invalid argument "x" for "--retry"`},
		{"negative retry", []string{"check", "http", "--retry=-1", "a"}, 1, "",
			"Error: --retry is required to be 0 or more, not -1\n"},
		{"negative delay", []string{"check", "tcp", "--delay=-1s", "a:1"}, 1, "",
			"Error: --delay is required to be 0 or more, not -1s\n"},
		{"no timeout", []string{"check", "cert", "--timeout=0", "a"}, 1, "",
			"Error: --timeout is required to be more than 0, not 0s\n"},
		{"no timeout for ws", []string{"ws", "--timeout=0", "a"}, 1, "",
			"Error: --timeout is required to be more than 0, not 0s\n"},
		{"check http of another scheme", []string{"check", "http", "ftp://a"}, 1, "",
			`Error: the address has the scheme "ftp"; use http:// or https://`},
		{"check http of no host", []string{"check", "http", "http:///path"}, 1, "", "Error: the address has no host"},
		{"check http hides a password", []string{"check", "http", "http://me:hunter2@a b/"}, 1, "",
			"Error: the address is not a URL: invalid character"},
		{"check tcp without a port", []string{"check", "tcp", "localhost"}, 1, "",
			`Error: the address "localhost" is not HOST:PORT`},
		{"check cert of a URL", []string{"check", "cert", "https://localhost"}, 1, "",
			`Error: the address "https://localhost" is not HOST:PORT`},
		{"check token of another scheme", []string{"check", "token", "ws://a"}, 1, "",
			`Error: the address has the scheme "ws"; use http:// or https://`},
		{"check token without an address", []string{"check", "token"}, 1, "", "podcli check token URL [flags]"},
		{"check token hides a password", []string{"check", "token", "http://me:hunter2@a b/"}, 1, "",
			"Error: the address is not a URL: invalid character"},
		{"check cache of no host", []string{"check", "cache", "http:///path"}, 1, "", "Error: the address has no host"},
		{"no timeout for cache", []string{"check", "cache", "--timeout=0", "a"}, 1, "",
			"Error: --timeout is required to be more than 0, not 0s\n"},
		{"plugin without a command", []string{"plugin"}, 0, "Available Commands:", ""},
		{"help on plugin list", []string{"help", "plugin", "list"}, 0, "podcli plugin list [URL] [flags]", ""},
		{"help on plugin encode", []string{"plugin", "encode", "-h"}, 0, "podcli plugin encode NAME [URL] [flags]", ""},
		{"help on plugin decode", []string{"plugin", "decode", "-h"}, 0, "podcli plugin decode NAME [URL] [flags]", ""},
		{"help on plugin reload", []string{"plugin", "reload", "-h"}, 0, "PODINFO_PLUGIN_ADMIN_TOKEN", ""},
		{"help on plugin kill", []string{"plugin", "kill", "-h"}, 0, "--token-file", ""},
		{"help on plugin start", []string{"plugin", "start", "-h"}, 0, "--token-file", ""},
		{"help on plugin delete", []string{"plugin", "delete", "-h"}, 0, "--token-file", ""},
		{"unknown command of plugins", []string{"plugin", "ls"}, 1, "", `Error: unknown command "ls" for "podcli plugin"`},
		{"plugin encode without a name", []string{"plugin", "encode"}, 1, "", "podcli plugin encode NAME [URL] [flags]"},
		{"plugin kill of two", []string{"plugin", "kill", "a", "b", "c"}, 1, "", "podcli plugin kill NAME [URL] [flags]"},
		{"no token on the command line", []string{"plugin", "kill", "a", "--token=x"}, 1, "", "unknown flag: --token"},
		{"plugin list in no format", []string{"plugin", "list", "-o", "yaml"}, 1, "",
			"Error: --output is \"yaml\"; use json or wide, or leave it out\n"},
		{"plugin list of another scheme", []string{"plugin", "list", "ws://a"}, 1, "",
			`Error: the address has the scheme "ws"; use http:// or https://`},
		{"no timeout for plugins", []string{"plugin", "list", "--timeout=0"}, 1, "",
			"Error: --timeout is required to be more than 0, not 0s\n"},
		{"plugin encode of two trusts", []string{"plugin", "encode", "a", "--insecure", "--ca-file=x"}, 1, "",
			"Error: --insecure and --ca-file contradict each other; give one of them\n"},
		{"plugin encode of two values", []string{"plugin", "encode", "a", "--data=x", "--file=y"}, 1, "",
			"Error: --data and --file contradict each other; give one of them\n"},
		{"plugin encode of no file", []string{"plugin", "encode", "a", "--file=/none"}, 1, "",
			"Error: --file: open /none: no such file or directory\n"},
		{"plugin kill without a token file", []string{"plugin", "kill", "a", "--token-file=/none"}, 1, "",
			"Error: --token-file: open /none: no such file or directory\n"},
		{"plugin kill with an empty token", []string{"plugin", "kill", "a", "--token-file=/dev/null"}, 1, "",
			"Error: --token-file: /dev/null is empty\n"},
		{"plugin kill with a token without end", []string{"plugin", "kill", "a", "--token-file=/dev/zero"}, 1, "",
			"Error: --token-file: the token is longer than 16384 bytes\n"},
		{"URL and name the wrong way round", []string{"plugin", "reload", "localhost:9898", "cbor"}, 1, "",
			`Error: "localhost:9898" is no plugin's name, which is one of a-z, 0-9, _ and -; use one that podcli plugin list`},
		{"a name that leads elsewhere", []string{"plugin", "decode", "..", "--data=x"}, 1, "",
			`Error: ".." is no plugin's name`},
		{"sleep without a duration", []string{"sleep"}, 1, "", "podcli sleep DURATION [flags]"},
		{"sleep without a unit", []string{"sleep", "5"}, 1, "",
			`Error: the duration "5" is not a number of 0 or more with a unit, such as 30s`},
		{"sleep backwards", []string{"sleep", "--", "-5s"}, 1, "", `Error: the duration "-5s" is not`},
		{"exit status below 0", []string{"sleep", "0s", "--exit-code=-1"}, 1, "",
			"Error: --exit-code is required to be from 0 to 255, not -1\n"},
		{"exit status above 255", []string{"sleep", "0s", "--exit-code=256"}, 1, "",
			"Error: --exit-code is required to be from 0 to 255, not 256\n"},
		{"check ws without a scheme", []string{"check", "ws", "localhost:9898"}, 1, "",
			"Error: the address has no scheme; use ws://"},
		{"check ws of another scheme", []string{"check", "ws", "http://localhost"}, 1, "",
			`Error: the address has the scheme "http"; use ws:// or wss://`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := podcli("", test.args...)
			if r.code != test.code {
				t.Errorf("exit status %d, want %d", r.code, test.code)
			}
			if !strings.Contains(r.stdout, test.stdout) || test.stdout == "" && r.stdout != "" {
				t.Errorf("stdout is %q, want %q in it", r.stdout, test.stdout)
			}
			if !strings.Contains(r.stderr, test.stderr) || test.stderr == "" && r.stderr != "" {
				t.Errorf("stderr is %q, want %q in it", r.stderr, test.stderr)
			}
			if strings.Contains(r.stderr, "hunter2") {
				t.Errorf("stderr shows the password: %q", r.stderr)
			}
		})
	}
}

// A probe that kubelet gives up on must not hang around, neither between two tries nor in the middle of one.
func TestSignalEndsACheckAtOnce(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		signal syscall.Signal
		delay  string
	}{
		{"SIGTERM between two tries", syscall.SIGTERM, "1h"},
		{"SIGINT between two tries", syscall.SIGINT, "1h"},
		{"SIGTERM in the second try", syscall.SIGTERM, "0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cmd := process(t, "check", "http", "--retry=1", "--timeout=1h", "--delay="+test.delay, firstRefusing(t))
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if !bufio.NewScanner(stderr).Scan() {
				t.Error("the first try has not failed")
			}
			if err := cmd.Process.Signal(test.signal); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // how it ended is looked at below
			status := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if !status.Signaled() || status.Signal() != test.signal {
				t.Errorf("podcli ended with %s, want the signal to end it", cmd.ProcessState)
			}
		})
	}
}

// firstRefusing returns the address of a server that ends its first connection and is silent on all others.
func firstRefusing(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		if conn, err := listener.Accept(); err == nil {
			conn.Close()
		}
	}()
	return listener.Addr().String()
}
