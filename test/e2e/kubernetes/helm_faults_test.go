package kubernetes

import (
	"net/http"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/test/e2e/kube"
)

// TestHelmFaults installs each fault and looks whether it shows, and whether what it must spare is spared.
func TestHelmFaults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(*testing.T, release){
		"error":     faultError,
		"unready":   faultUnready,
		"unhealthy": faultUnhealthy,
		"tests":     faultTests,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := release{kube.NewNamespace(t)}
			test(t, r)
			r.uninstall(t)
		})
	}
}

// faultError: one request in three fails, and no probe does.
func faultError(t *testing.T, r release) {
	t.Helper()
	r.install(t, helmChart, "--set=faults.error=true", quickProbes)
	load := r.Load(t, kube.LoadOptions{URL: "http://" + helmFullname + ":9898/version"})
	load.More(t, 500)
	report := load.Stop(t)
	if share := float64(report.Failed) / float64(report.Requests); share < 0.2 || share > 0.5 {
		t.Errorf("%d of %d requests have failed, which is not about a third: %v",
			report.Failed, report.Requests, report.Failures)
	}
	for failure := range report.Failures {
		if !strings.HasPrefix(failure, "HTTP ") {
			t.Errorf("a fault is an answer, not %q", failure)
		}
	}
	if got := r.get(t, "pods", ".items[0].status.containerStatuses[0].restartCount"); got != "0" {
		t.Errorf("the container has restarted %s times", got)
	}
	r.Kubectl(t, "wait", "deployment/"+helmFullname, "--for=condition=Available", "--timeout=1s")
}

// faultUnready: nothing is ready until it is told so.
func faultUnready(t *testing.T, r release) {
	t.Helper()
	r.Helm(t, "install", helmRelease, helmChart, "--set=faults.unready=true", quickProbes)
	kube.Eventually(t, kube.Until, "a pod that runs", func() bool {
		phase, err := r.TryKubectl("get", "pods", "--output=jsonpath={.items[*].status.phase}")
		return err == nil && phase == "Running"
	})
	address := r.Forward(t, "deployment/"+helmFullname, 9898)
	expect(t, plain(), http.MethodGet, "http://"+address+"/readyz", "", http.StatusServiceUnavailable, "")
	if got := r.get(t, "deployment/"+helmFullname, ".status.readyReplicas"); got != "" {
		t.Errorf("%s replicas are ready", got)
	}
	expect(t, plain(), http.MethodPost, "http://"+address+"/readyz/enable", "", http.StatusAccepted, "")
	r.WaitRollout(t, "deployment/"+helmFullname)
	r.test(t)
}

// faultUnhealthy: the kubelet restarts the container.
func faultUnhealthy(t *testing.T, r release) {
	t.Helper()
	r.Helm(t, "install", helmRelease, helmChart, quickProbes,
		"--set=faults.unhealthy=true,probes.liveness.periodSeconds=1,probes.liveness.failureThreshold=1")
	kube.Eventually(t, kube.Until, "a restart of the unhealthy container", func() bool {
		restarts, err := r.TryKubectl("get", "pods", "--output=jsonpath={.items[*].status.containerStatuses[*].restartCount}")
		return err == nil && strings.Trim(restarts, "0 ") != ""
	})
}

// faultTests: helm test fails, and hangs, when it is told to, and its other tests pass beside.
func faultTests(t *testing.T, r release) {
	t.Helper()
	r.install(t, helmChart, "--set=faults.testFail=true,faults.testTimeout=true", quickProbes)
	failing, hanging := helmFullname+"-fail-test", helmFullname+"-timeout-test"
	if _, err := r.TryHelm("test", helmRelease, "--filter=name="+failing, helmTimeout); err == nil ||
		!strings.Contains(err.Error(), failing) {
		t.Errorf("helm test must fail and name %s, got: %v", failing, err)
	}
	if _, err := r.TryHelm("test", helmRelease, "--filter=name="+hanging, "--timeout=15s"); err == nil ||
		!strings.Contains(err.Error(), "timed out") {
		t.Errorf("helm test must time out on %s, got: %v", hanging, err)
	}
	r.test(t, "--filter=!name="+failing+",!name="+hanging)
}
