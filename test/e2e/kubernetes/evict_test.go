package kubernetes

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/e2e/internal/report"
	"github.com/podinfo-targets/podinfo/test/e2e/kube"
)

// TestEviction asks to evict both of two pods, as kubectl drain does. The disruption budget lets one go and refuses the
// other until the first is replaced; no request is lost.
func TestEviction(t *testing.T) {
	t.Parallel()
	r := release{kube.NewNamespace(t)}
	// The replacement takes its time to become ready, so that the second eviction comes before.
	r.install(t, helmChart, "--set=replicaCount=2,podDisruptionBudget.minAvailable=1",
		"--set=probes.readiness.periodSeconds=1,probes.readiness.initialDelaySeconds=15")
	pods := r.pods(t)
	kube.Eventually(t, kube.Until, "the disruption budget to allow one", func() bool {
		return r.get(t, "pdb/"+helmFullname, ".status.disruptionsAllowed") == "1"
	})
	load := r.load(t, kube.LoadOptions{})

	if err := r.evict(pods[0]); err != nil {
		t.Fatalf("the first eviction is refused: %v", err)
	}
	err := r.evict(pods[1])
	if err == nil || !strings.Contains(err.Error(), "TooManyRequests") {
		t.Errorf("the second eviction ends with %v, want it refused as too many requests (429)", err)
	}
	kube.Eventually(t, 2*time.Minute, "the second eviction, once the first pod is replaced", func() bool {
		return r.evict(pods[1]) == nil
	})
	kube.Eventually(t, 2*time.Minute, "two other pods that serve", func() bool {
		serving := r.serving(t)
		return len(serving) == 2 && !slices.Contains(serving, pods[0]) && !slices.Contains(serving, pods[1])
	})
	load.More(t, 100)
	load.StopWithoutLoss(t)
}

// evict asks the API server to evict a pod, which heeds disruption budgets
// (https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/).
func (r release) evict(pod string) error {
	_, err := r.TryKubectlInput(
		fmt.Sprintf(`{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": %q}}`, pod),
		"create", "--raw=/api/v1/namespaces/"+r.Name+"/pods/"+pod+"/eviction", "--filename=-")
	return err
}

// TestEvictionByKubelet fills the disk of one replica beyond its bound. The kubelet evicts it and asks no disruption
// budget; the rest serve every request.
func TestEvictionByKubelet(t *testing.T) {
	t.Parallel()
	r := release{kube.NewNamespace(t)}
	r.install(t, helmChart, quickProbes,
		"--set=replicaCount=3,persistence.sizeLimit=4Mi,podDisruptionBudget.minAvailable=2")
	victim := r.pods(t)[0]
	load := r.load(t, kube.LoadOptions{})
	status, body := ask(t, plain(), http.MethodPost, "http://"+r.Forward(t, "pod/"+victim, 9898)+"/store",
		strings.Repeat("more than there is room for", 200_000)) // 5.4 MB
	if status != http.StatusAccepted {
		t.Fatalf("/store answers %d %s", status, body)
	}

	// The kubelet measures volumes once a minute (volumeStatsAggPeriod) and looks at what it measured every ten seconds.
	kube.Eventually(t, 3*time.Minute, "the kubelet to evict "+victim, func() bool {
		reason, err := r.TryKubectl("get", "pod", victim, "--output=jsonpath={.status.phase} {.status.reason}")
		return err == nil && reason == "Failed Evicted"
	})
	kube.Eventually(t, 2*time.Minute, "three pods that serve, and not the evicted one", func() bool {
		serving := r.serving(t)
		return len(serving) == 3 && !slices.Contains(serving, victim)
	})
	load.More(t, 100)
	report := load.Stop(t)
	lostWith(t, report, victim)
	if got := r.get(t, "pdb/"+helmFullname, ".status.currentHealthy"); got != "3" {
		t.Errorf("the disruption budget counts %s healthy pods, want 3", got)
	}
}

// lostWith fails the test when more was lost than the connections of the pod that died without warning: no pod may
// answer with an error. Where the pod's network went with it, nobody refuses a connection, and it times out.
func lostWith(t *testing.T, last report.Report, pod string) {
	t.Helper()
	for failure, count := range last.Failures {
		if strings.HasPrefix(failure, "HTTP ") {
			t.Errorf("%d requests ended with %s", count, failure)
		}
	}
	// Those that are under way, and new ones until every node knows that the pod is gone.
	if last.Failed > last.Requests/10 {
		t.Errorf("%d of %d requests failed with the pod %s: %v", last.Failed, last.Requests, pod, last.Failures)
	}
	t.Logf("%d of %d requests failed with the pod %s: %v; answers by %v",
		last.Failed, last.Requests, pod, last.Failures, last.By)
}

// TestKill has the kernel kill one of three replicas with SIGKILL, because it uses more memory than it may. The kubelet
// starts it again in place, and the others serve meanwhile.
func TestKill(t *testing.T) {
	t.Parallel()
	r := release{kube.NewNamespace(t)}
	r.install(t, helmChart, quickProbes, "--set=replicaCount=3,resources.limits.memory=64Mi")
	victim := r.pods(t)[0]
	load := r.load(t, kube.LoadOptions{})
	exhaust(t, r.Forward(t, "pod/"+victim, 9898))

	kube.Eventually(t, kube.Until, "the container to be started again", func() bool {
		return r.get(t, "pod/"+victim, ".status.containerStatuses[0].restartCount") == "1"
	})
	if got := r.get(t, "pod/"+victim, ".status.containerStatuses[0].lastState.terminated.exitCode"); got != "137" {
		t.Errorf("the container has ended with exit code %s, want 137: 128 and signal 9, SIGKILL", got)
	}
	kube.Eventually(t, kube.Until, "all three pods to serve again", func() bool { return len(r.serving(t)) == 3 })
	before := load.Report(t).By[victim]
	kube.Eventually(t, kube.Until, "answers of the pod that was killed", func() bool {
		return load.Report(t).By[victim] > before
	})
	lostWith(t, load.Stop(t), victim)
	for _, pod := range r.pods(t) {
		want := "0"
		if pod == victim {
			want = "1"
		}
		if got := r.get(t, "pod/"+pod, ".status.containerStatuses[0].restartCount"); got != want {
			t.Errorf("%s has restarted %s times, want %s", pod, got, want)
		}
	}
}

// exhaust sends many large bodies at once, which the server keeps whole until their last byte has come: none does.
func exhaust(t *testing.T, address string) {
	t.Helper()
	const uploads, size = 16, 10 << 20
	request := fmt.Appendf(nil, "POST /echo HTTP/1.1\r\nHost: podinfo\r\nContent-Length: %d\r\n\r\n", size)
	request = append(request, make([]byte, size-1)...)
	var wait sync.WaitGroup
	for range uploads {
		wait.Go(func() {
			connection, err := net.DialTimeout("tcp", address, 10*time.Second)
			if err != nil {
				return // the server has died of the others
			}
			defer connection.Close()
			_ = connection.SetDeadline(time.Now().Add(15 * time.Second))
			if _, err := connection.Write(request); err == nil {
				_, _ = io.Copy(io.Discard, connection) // until the server dies
			}
		})
	}
	wait.Wait()
}
