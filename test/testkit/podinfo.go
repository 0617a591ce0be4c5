package testkit

import (
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	startTimeout = 30 * time.Second
	// startAttempts bounds how often a server is started anew because someone else took one of its ports.
	startAttempts = 5
)

// StartPodinfo builds and starts the long-running server and returns once all its ports accept connections. The
// test ends at once, with the server's log, when it does not come up.
//
// A setting is a flag, "--name=value", or an environment variable, "NAME=value". What the settings leave out gets the
// value that suits a test: every listener on its own free port of 127.0.0.1 (HTTPS only if --cert-path is given), a
// fresh --data-path, and no --shutdown-delay. Nothing is inherited from the test's own environment.
func StartPodinfo(t testing.TB, settings ...string) *Process {
	t.Helper()
	return StartServer(t, Build(t, "targets/k8s"), settings...)
}

// StartServer is StartPodinfo for a binary that has been built already and takes the same flags.
func StartServer(t testing.TB, binary string, settings ...string) *Process {
	t.Helper()
	data := t.TempDir()
	for range startAttempts {
		args, env := arguments(t, data, settings)
		p := Exec(t, binary, args, env)
		p.listeners(args)
		if p.up() {
			return p
		}
		if !strings.Contains(p.Stderr(), "address already in use") {
			t.Fatalf("%s did not come up; stderr:\n%s", p.cmd, p.Stderr())
		}
	}
	t.Fatalf("%s found its ports taken %d times in a row", binary, startAttempts)
	return nil
}

// arguments splits the settings into a complete command line and environment.
func arguments(t testing.TB, data string, settings []string) (args, env []string) {
	env = []string{
		"PATH=" + os.Getenv("PATH"),
		"TMPDIR=" + os.TempDir(),
		"PODINFO_SHUTDOWN_DELAY=0s",
	}
	for _, name := range []string{"GOCOVERDIR", "GORACE"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	for _, s := range settings {
		if strings.HasPrefix(s, "-") {
			args = append(args, s)
			continue
		}
		env = append(env, s)
	}
	set := func(name, value string) {
		if _, given := flagValue(args, name); !given {
			args = append(args, "--"+name+"="+value)
		}
	}
	ports := FreePorts(t, 4)
	set("host", "127.0.0.1")
	set("data-path", data)
	set("port", ports[0])
	set("port-metrics", ports[1])
	set("grpc-port", ports[2])
	if _, tls := flagValue(args, "cert-path"); tls {
		set("secure-port", ports[3])
	}
	return args, env
}

// flagValue returns the value of the flag --name among args.
func flagValue(args []string, name string) (value string, given bool) {
	prefix := "--" + name + "="
	i := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, prefix) })
	if i < 0 {
		return "", false
	}
	return strings.TrimPrefix(args[i], prefix), true
}

// listeners notes where the server will listen when it is started with args.
func (p *Process) listeners(args []string) {
	host, _ := flagValue(args, "host")
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	address := func(scheme, flag string) string {
		port, given := flagValue(args, flag)
		if !given || port == "0" {
			return ""
		}
		return scheme + net.JoinHostPort(host, port)
	}
	p.URL = address("http://", "port")
	p.SecureURL = address("https://", "secure-port")
	p.MetricsURL = address("http://", "port-metrics")
	p.GRPCAddr = address("", "grpc-port")
}

// up waits until every listener accepts connections and the HTTP one answers; false if that does not happen in time
// or the process ends.
func (p *Process) up() bool {
	deadline := time.NewTimer(startTimeout)
	defer deadline.Stop()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for {
		if p.accepts() {
			return !p.within(0)
		}
		select {
		case <-p.exited:
			return false
		case <-deadline.C:
			return false
		case <-poll.C:
		}
	}
}

func (p *Process) accepts() bool {
	for _, address := range []string{p.GRPCAddr, strings.TrimPrefix(p.MetricsURL, "http://")} {
		if address == "" {
			continue
		}
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return false
		}
		_ = conn.Close()
	}
	return answers(p.SecureURL) && answers(p.URL)
}

// answers tells whether the server at url gives an answer. Any will do: with a prefix, or from an unhealthy server, it
// is not a 200.
func answers(url string) bool {
	if url == "" {
		return true
	}
	client := http.Client{Timeout: startTimeout, Transport: &http.Transport{
		DisableKeepAlives: true,
		// Whether the certificate is the right one is for the test to find out.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	answer, err := client.Get(url + "/healthz")
	if err != nil {
		return false
	}
	return answer.Body.Close() == nil
}
