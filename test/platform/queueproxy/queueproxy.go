// Package queueproxy puts the real queue-proxy of Knative Serving in front of the app, as in the pod of a revision: it
// is what requests pass on Knative, and what limits and drains them. Both run in a network of their own, because
// queue-proxy's ports are fixed, so that any number of pods can run side by side. No cluster, container or root is
// needed, but Linux and, without root, its unprivileged user namespaces.
package queueproxy

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/platform/queueproxy/internal/wire"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// program is the queue-proxy whose behavior the tests rely on.
const program = "knative.dev/serving/cmd/queue@v0.50.0"

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 30 * time.Second
)

// The two processes of a pod.
const (
	app   = "app"
	proxy = "queue-proxy"
)

// Options says what the revision asks for.
type Options struct {
	Settings       []string // of the app: flags "--name=value" and variables "NAME=value"
	Concurrency    int      // containerConcurrency, the requests that the app gets at once; 0 is no limit
	TimeoutSeconds int      // timeoutSeconds of a request, 300 if it is 0
	H2C            bool     // the revision's port is called h2c, so that requests arrive at another port of queue-proxy
}

// Pod is a running app behind queue-proxy. It ends with the test.
type Pod struct {
	URL             string // of queue-proxy, as the requests of the world see it, without a final slash
	GRPCAddr        string // the same as host:port
	MetricsURL      string // of the app's own second port, "" if --port-metrics=0
	ProxyMetricsURL string // of what queue-proxy itself measures

	dir    string
	runner *exec.Cmd
	orders io.WriteCloser
	ended  chan struct{} // closed when runner has

	mu        sync.Mutex
	addresses map[string]string // by port
	codes     map[string]int    // by process, of those that have exited
}

// Start starts binary, a podinfo-knative, behind queue-proxy and returns when the pod is ready. The app gets the
// variables that Knative sets, and what the settings leave out is what suits a test: a fresh --data-path, and no
// --shutdown-delay. The app reaches no other machine, but every 127.0.0.1:port that a setting names and that is served.
//
// Where the parts cannot be had the test ends as [testkit.Need] says.
func Start(t testing.TB, binary string, o Options) *Pod {
	t.Helper()
	needLinux(t)
	p := &Pod{
		dir: t.TempDir(), ended: make(chan struct{}), addresses: make(map[string]string), codes: make(map[string]int),
	}
	spec := p.spec(t, binary, o)
	p.run(t, spec)
	testkit.Eventually(t, startTimeout, "the pod to be ready", func() bool {
		p.mustRun(t)
		return p.locate(o) && p.Ready()
	})
	return p
}

// mustRun ends the test when there is no pod to wait for.
func (p *Pod) mustRun(t testing.TB) {
	t.Helper()
	select {
	case <-p.ended:
		t.Fatal("the pod did not start")
	default:
	}
	for _, process := range []string{app, proxy} {
		if code, exited := p.code(process); exited {
			t.Fatalf("the pod did not become ready: %s has exited with %d", process, code)
		}
	}
}

// locate notes the addresses, once all are known.
func (p *Pod) locate(o Options) bool {
	front, measured, metrics := p.address(o.frontPort()), p.address(proxyMetricsPort), p.address(metricsPort(o.Settings))
	if front == "" || measured == "" {
		return false
	}
	p.URL, p.GRPCAddr, p.ProxyMetricsURL = "http://"+front, front, "http://"+measured
	if metrics != "" {
		p.MetricsURL = "http://" + metrics
	}
	return metrics != "" || metricsPort(o.Settings) == "0"
}

// Ready asks queue-proxy what kubelet asks it
// (https://github.com/knative/serving/blob/main/pkg/queue/health/handler.go).
func (p *Pod) Ready() bool {
	r, err := http.NewRequest(http.MethodGet, p.URL, nil)
	if err != nil {
		return false
	}
	r.Header.Set("User-Agent", "kube-probe/1.34")
	r.Header.Set("K-Network-Probe", "queue")
	client := http.Client{Timeout: startTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		return false
	}
	return answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
}

// spec puts the pod together.
func (p *Pod) spec(t testing.TB, binary string, o Options) wire.Spec {
	t.Helper()
	in := []string{o.frontPort(), proxyMetricsPort}
	if port := metricsPort(o.Settings); port != "0" {
		in = append(in, port)
	}
	args, environ := appSettings(t.TempDir(), o.Settings)
	return wire.Spec{In: in, Out: named(o.Settings), Processes: []wire.Process{
		p.process(app, binary, args, environ),
		p.process(proxy, testkit.Install(t, program), nil, proxyEnvironment(o)),
	}}
}

func (p *Pod) process(name, path string, args, environ []string) wire.Process {
	return wire.Process{
		Name: name, Path: path, Args: args, Env: environ, Dir: p.dir,
		Stdout: filepath.Join(p.dir, name+".stdout"), Stderr: filepath.Join(p.dir, name+".stderr"),
	}
}

// machine matches addresses of this machine.
var machine = regexp.MustCompile(`\b127\.0\.0\.1:\d+`)

// named returns the addresses that the settings name and that somebody listens on. Others are refused in the pod, too.
func named(settings []string) []string {
	found := machine.FindAllString(strings.Join(settings, "\n"), -1)
	slices.Sort(found)
	return slices.DeleteFunc(slices.Compact(found), func(address string) bool {
		conn, err := net.Dial("tcp", address)
		return err != nil || conn.Close() != nil
	})
}

// run starts the pod in namespaces of its own.
func (p *Pod) run(t testing.TB, spec wire.Spec) {
	t.Helper()
	events, err := p.launch(t)
	if err != nil {
		testkit.Lack(t, "user and network namespaces: "+err.Error())
	}
	go func() {
		defer close(p.ended)
		p.listen(events)
		_ = p.runner.Wait() // It ends when its input does, and has nothing to say then.
	}()
	t.Cleanup(func() { p.end(t) })
	if err := p.order(spec); err != nil {
		t.Fatalf("telling the pod what to run: %v", err)
	}
}

// launch tries the ways that there are to have namespaces, and returns what the pod tells.
func (p *Pod) launch(t testing.TB) (events io.Reader, err error) {
	t.Helper()
	binary := testkit.Build(t, "test/platform/queueproxy/pod")
	for _, attributes := range isolations() {
		p.runner = exec.Command(binary)
		p.runner.SysProcAttr, p.runner.Stderr, p.runner.WaitDelay = attributes, t.Output(), time.Second
		if p.orders, err = p.runner.StdinPipe(); err != nil {
			return nil, err
		}
		if events, err = p.runner.StdoutPipe(); err != nil {
			return nil, err
		}
		if err = p.runner.Start(); err == nil {
			return events, nil
		}
	}
	return nil, err
}

func (p *Pod) order(o any) error { return json.NewEncoder(p.orders).Encode(o) }

// listen notes what happens in the pod until it ends.
func (p *Pod) listen(events io.Reader) {
	for decoder := json.NewDecoder(events); ; {
		var e wire.Event
		if decoder.Decode(&e) != nil {
			return
		}
		p.note(e)
	}
}

func (p *Pod) note(e wire.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.Process != "" {
		p.codes[e.Process] = e.Code
		return
	}
	p.addresses[e.Port] = e.Address
}

// address tells where connections to a port of the pod are taken, "" if nowhere.
func (p *Pod) address(port string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.addresses[port]
}

// code is the exit code of a process, if it has one.
func (p *Pod) code(process string) (code int, exited bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	code, exited = p.codes[process]
	return code, exited
}
