package kubernetes

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/test/e2e/kube"
)

// TestHelmUpgradeFromTheEstablishedChart makes a release with the established chart's objects, upgrades it to ours with
// the values that it has, and rolls it back, all under load. The objects stay the same ones, and no request is lost.
func TestHelmUpgradeFromTheEstablishedChart(t *testing.T) {
	t.Parallel()
	const (
		established = "testdata/established"
		values      = "--values=testdata/established-values.yaml"
	)
	r := release{kube.NewNamespace(t)}
	r.install(t, established, values)
	r.waitReplicas(t, "2") // which the autoscaler does, not Helm
	before := r.identities(t)

	load := r.startLoad(t)
	r.upgrade(t, values)
	load.More(t, 300)
	r.isRunning(t, kube.Image)
	if after := r.identities(t); after != before {
		t.Errorf("objects were made anew: %s was %s", after, before)
	}
	expect(t, plain(), http.MethodGet, r.url(t)+"/api/info", "", http.StatusOK, "set for the established chart")
	r.Helm(t, "rollback", helmRelease, "1", "--wait", helmTimeout)
	load.More(t, 300)
	r.isRunning(t, kube.Repository+":"+kube.PreviousVersion)

	// What the release knows are the other chart's values then: all of them, and none that only ours has.
	r.upgrade(t, "--reuse-values")
	load.More(t, 300)
	r.isRunning(t, kube.Repository+":"+kube.PreviousVersion) // image.tag is one of them
	r.upgrade(t, "--reset-then-reuse-values")
	load.More(t, 300)
	r.isRunning(t, kube.Image)
	endLoad(t, load)
	r.test(t)
	r.uninstall(t)
}

// TestHelmUpgradeFromOurPreviousVersion does the same with our own chart, packaged under the version before, and with a
// generated secret, which must stay what it is.
func TestHelmUpgradeFromOurPreviousVersion(t *testing.T) {
	t.Parallel()
	r := release{kube.NewNamespace(t)}
	dir := t.TempDir()
	r.Helm(t, "package", helmChart, "--destination="+dir,
		"--version="+kube.PreviousVersion, "--app-version="+kube.PreviousVersion)
	previous := filepath.Join(dir, "podinfo-"+kube.PreviousVersion+".tgz")
	args := []string{"--set=replicaCount=2,jwt.generate=true", quickProbes}

	r.install(t, previous, append(args, "--set=image.tag="+kube.PreviousVersion)...)
	r.isRunning(t, kube.Repository+":"+kube.PreviousVersion)
	before, secret := r.identities(t), r.secret(t)

	load := r.startLoad(t)
	r.upgrade(t, args...)
	load.More(t, 300)
	r.isRunning(t, kube.Image)
	r.Helm(t, "rollback", helmRelease, "1", "--wait", helmTimeout)
	load.More(t, 300)
	r.isRunning(t, kube.Repository+":"+kube.PreviousVersion)
	endLoad(t, load)
	if after := r.identities(t); after != before {
		t.Errorf("objects were made anew: %s was %s", after, before)
	}
	if r.secret(t) != secret {
		t.Error("the generated JWT secret has changed")
	}
	r.uninstall(t)
}

// TestHelmUpgradeThatFails upgrades to an image that is not there. Helm rolls back, and what served goes on serving.
func TestHelmUpgradeThatFails(t *testing.T) {
	t.Parallel()
	r := release{kube.NewNamespace(t)}
	r.install(t, helmChart, "--set=replicaCount=2", quickProbes)
	load := r.startLoad(t)
	_, err := r.TryHelm("upgrade", helmRelease, helmChart, "--set=replicaCount=2,image.tag=no-such-tag", quickProbes,
		"--atomic", "--timeout=20s")
	if err == nil || !strings.Contains(err.Error(), "rolled back") {
		t.Errorf("helm upgrade must fail and roll back, got: %v", err)
	}
	load.More(t, 300)
	r.isRunning(t, kube.Image)
	endLoad(t, load)
	r.test(t)
	r.uninstall(t)
}

func (r release) startLoad(t *testing.T) *kube.Load {
	t.Helper()
	return r.Load(t, kube.LoadOptions{
		URL:     "http://" + helmFullname + ":9898/api/info",
		CountBy: `"hostname": ?"([^"]*)"`,
	})
}

// endLoad shows that no request was lost, though the pods that answered were others at the end.
func endLoad(t *testing.T, load *kube.Load) {
	t.Helper()
	if report := load.StopWithoutLoss(t); len(report.By) < 2 {
		t.Errorf("the load has met one pod only: %v", report.By)
	}
}

func (r release) waitReplicas(t *testing.T, want string) {
	t.Helper()
	r.Kubectl(t, "wait", "deployment/"+helmFullname, "--for=jsonpath={.status.readyReplicas}="+want, "--timeout=2m")
}

// isRunning fails the test unless both replicas are ready and of one image.
func (r release) isRunning(t *testing.T, image string) {
	t.Helper()
	r.waitReplicas(t, "2")
	if got := r.get(t, "deployment/"+helmFullname, ".spec.template.spec.containers[0].image"); got != image {
		t.Errorf("the Deployment runs %s, not %s", got, image)
	}
}

// identities returns what stays the same for as long as the objects are not made anew.
func (r release) identities(t *testing.T) string {
	t.Helper()
	return r.get(t, "deployment/"+helmFullname, ".metadata.uid") + " " +
		r.get(t, "service/"+helmFullname, ".metadata.uid} {.spec.clusterIP")
}

func (r release) secret(t *testing.T) string {
	t.Helper()
	return r.get(t, "secret/"+helmFullname+"-jwt", ".data.jwt-secret")
}
