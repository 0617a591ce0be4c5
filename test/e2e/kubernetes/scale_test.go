package kubernetes

import (
	"strconv"
	"testing"

	"github.com/podinfo-targets/podinfo/test/e2e/kube"
)

// TestScaleUnderLoad scales from one pod to four, replaces all four, and scales back to one, and loses no request: not
// of clients that stay on a connection, of those that make new ones, nor of those that speak HTTP/2 or gRPC.
func TestScaleUnderLoad(t *testing.T) {
	t.Parallel()
	r := release{kube.NewNamespace(t)}
	r.install(t, helmChart, quickProbes, "--set=h2c.enabled=true")
	loads := map[string]*kube.Load{
		"HTTP/1.1": r.load(t, kube.LoadOptions{KeepAlive: 3, Fresh: 3}),
		"HTTP/2":   r.load(t, kube.LoadOptions{KeepAlive: 2, Fresh: 1, H2C: true}),
		"gRPC":     r.load(t, kube.LoadOptions{KeepAlive: 2, Fresh: 1, GRPC: true}),
	}
	underLoad := func(step func()) {
		step()
		for _, load := range loads {
			load.More(t, 100)
		}
	}
	const deployment = "deployment/" + helmFullname
	underLoad(func() { r.scale(t, 4) })
	underLoad(func() {
		r.Kubectl(t, "rollout", "restart", deployment)
		r.WaitRollout(t, deployment)
	})
	underLoad(func() { r.scale(t, 1) })

	for protocol, load := range loads {
		report := load.StopWithoutLoss(t)
		if len(report.By) < 6 {
			t.Errorf("%s: %d pods have answered, want at least 6 of the 8 that there were: %v",
				protocol, len(report.By), report.By)
		}
	}
}

// scale waits until there are as many pods as asked for, and all of them are ready and none is on its way out.
func (r release) scale(t *testing.T, replicas int) {
	t.Helper()
	r.Kubectl(t, "scale", "deployment/"+helmFullname, "--replicas="+strconv.Itoa(replicas))
	r.WaitRollout(t, "deployment/"+helmFullname)
	kube.Eventually(t, kube.Until, "the pods that are too many to be gone", func() bool {
		return len(r.pods(t)) == replicas
	})
}
