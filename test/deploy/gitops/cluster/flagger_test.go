// Package cluster runs Flagger itself on the example of deploy/flagger, on a cluster.
package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/e2e/kube"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

const (
	deploy  = "../../../../deploy"
	flagger = "github.com/fluxcd/flagger/cmd/flagger@v1.36.1"

	// phaseTimeout bounds one step of an analysis: some checks, ten seconds apart, and the start of pods.
	phaseTimeout = 3 * time.Minute
)

func TestMain(m *testing.M) { kube.Main(m) }

// TestBlueGreen has Flagger promote a new version through both gates, while its users lose no request, and refuse a
// version that answers with errors. The pods are measured by the example's queries.
func TestBlueGreen(t *testing.T) {
	t.Parallel()
	s := stage{Namespace: kube.NewNamespace(t)}
	s.install(t, "first")
	s.WaitRollout(t, "deployment/podinfo")
	s.control = startControl(t, s.Namespace)
	s.startFlagger(t)
	s.Apply(t, s.example(t, "metrics.yaml")+"---\n"+s.example(t, "blue-green.yaml"))
	s.waitFor(t, "Initialized")
	users := s.Load(t, kube.LoadOptions{URL: s.url(t, "podinfo"), CountBy: `"message": "([^"]+)"`})

	s.install(t, "second")
	s.waitFor(t, "Waiting") // at the first gate
	s.control.setGate(true)
	s.waitFor(t, "Progressing")
	s.control.setGate(false)
	testers := s.Load(t, kube.LoadOptions{URL: s.url(t, "podinfo-canary")})
	s.waitFor(t, "WaitingPromotion") // at the second
	if got := users.Report(t).By; got["second"] > 0 || got["first"] == 0 {
		t.Errorf("before it is promoted users meet %v, want the first version alone", got)
	}
	s.control.setGate(true)
	s.waitFor(t, "Succeeded")
	users.More(t, 100)
	if got := users.StopWithoutLoss(t).By; got["second"] == 0 {
		t.Errorf("after the promotion users have met %v, want the second version", got)
	}
	if s.control.loads.Load() == 0 {
		t.Error("Flagger has not asked for load")
	}

	s.install(t, "third", "--set=faults.error=true")
	s.waitFor(t, "Failed")
	testers.Stop(t)
	if got := s.primary(t); got != "second" {
		t.Errorf("after a version was refused %q serves, want the second", got)
	}
}

// stage is where the canary is played.
type stage struct {
	*kube.Namespace
	control *control
}

// install brings the release to a version that is told from the others by its message.
func (s stage) install(t *testing.T, message string, args ...string) {
	t.Helper()
	s.Helm(t, append([]string{
		"upgrade", "--install", "podinfo", filepath.Join(deploy, "helm", "podinfo"),
		"--values=" + filepath.Join(deploy, "flagger", "values.yaml"), "--set=ui.message=" + message,
		"--set=probes.readiness.initialDelaySeconds=0,probes.readiness.periodSeconds=1",
	}, args...)...)
}

// startFlagger runs the controller here. It watches the stage alone, and does nothing about metrics of its own.
func (s stage) startFlagger(t *testing.T) {
	t.Helper()
	config := filepath.Join(t.TempDir(), "kubeconfig")
	cluster := s.Kubectl(t, "config", "view", "--raw", "--minify", "--flatten")
	if err := os.WriteFile(config, []byte(cluster), 0o600); err != nil {
		t.Fatal(err)
	}
	testkit.Exec(t, testkit.Install(t, flagger), []string{
		"-kubeconfig=" + config, "-namespace=" + s.Name, "-mesh-provider=kubernetes", "-log-level=info",
		"-metrics-server=" + s.control.url, "-port=" + testkit.FreePorts(t, 1)[0],
	}, nil)
}

// example is a file of the example that is played here: in this namespace, with fewer and quicker checks, and with what
// Flagger would ask in the cluster at this test's own server, since Flagger runs here.
func (s stage) example(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deploy, "flagger", file))
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(
		"namespace: podinfo\n", "namespace: "+s.Name+"\n",
		"http://prometheus.monitoring:9090", s.control.url,
		"http://flagger-loadtester.podinfo", s.control.url,
		"http://podinfo-canary.podinfo:9898/token", s.control.url+"/canary/token",
		"    interval: 15s\n    iterations: 8\n",
		"    interval: 10s\n    iterations: 2\n",
	).Replace(string(text))
}

// url leads to a Service by its address: what a busy DNS server drops is not podinfo's to lose.
func (s stage) url(t *testing.T, service string) string {
	t.Helper()
	return "http://" + s.Kubectl(t, "get", "service", service, "--output=jsonpath={.spec.clusterIP}") + ":9898/api/info"
}

func (s stage) waitFor(t *testing.T, phase string) {
	t.Helper()
	var last string
	defer func() {
		if last != phase {
			t.Logf("the canary is %s: %s", last, s.Kubectl(t, "get", "events", "--field-selector=involvedObject.kind=Canary",
				"--output=jsonpath={range .items[*]}{.message}{\"\\n\"}{end}"))
		}
	}()
	kube.Eventually(t, phaseTimeout, "the canary to be "+phase, func() bool {
		last, _ = s.TryKubectl("get", "canary", "podinfo", "--output=jsonpath={.status.phase}")
		return last == phase
	})
}

// primary is the message of the version that users get.
func (s stage) primary(t *testing.T) string {
	t.Helper()
	return s.Kubectl(t, "get", "deployment", "podinfo-primary",
		`--output=jsonpath={.spec.template.spec.containers[0].env[?(@.name=="PODINFO_UI_MESSAGE")].value}`)
}
