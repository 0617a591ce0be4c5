package kubernetes

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/e2e/kube"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

const (
	timoniModule = "../../../deploy/timoni/podinfo"

	// cueTimeout bounds one evaluation of the module on a busy machine; it takes a second on an idle one.
	cueTimeout = 2 * time.Minute
)

const instanceName = "shop"

// timoniSets returns the sets of objects that an instance of the Timoni module is made of, each as a List. What Timoni
// does is done with cue: the user's values are written over values.cue, the rest comes in by tags.
func timoniSets(t *testing.T, n *kube.Namespace, values string) map[string]string {
	t.Helper()
	cue, dir := testkit.Install(t, "cuelang.org/go/cmd/cue@v0.17.1"), t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(timoniModule)); err != nil {
		t.Fatal(err)
	}
	text := "package main\n\nvalues: " + values + "\n"
	if err := os.WriteFile(filepath.Join(dir, "values.cue"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), cueTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, cue, "export", ".", "-e", "timoni.apply", "-t", "name="+instanceName,
		"-t", "namespace="+n.Name, "-t", "mv=0.0.0-e2e", "-t", "kv=1.34.0")
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("cue export: %v\n%s", err, stderr.String())
	}
	var objects map[string]json.RawMessage
	if err := json.Unmarshal(out, &objects); err != nil {
		t.Fatal(err)
	}
	sets := map[string]string{}
	for name, list := range objects {
		sets[name] = `{"apiVersion": "v1", "kind": "List", "items": ` + string(list) + `}`
	}
	return sets
}

func deleteSet(t *testing.T, n *kube.Namespace, set string) {
	t.Helper()
	if _, err := n.TryKubectlInput(set, "delete", "--filename=-"); err != nil {
		t.Fatal(err)
	}
}

// TestTimoni installs the module with its defaults.
func TestTimoni(t *testing.T) {
	t.Parallel()
	n := kube.NewNamespace(t)
	app := timoniSets(t, n, "{}")["app"]
	n.Apply(t, app)
	n.WaitRollout(t, "deployment/"+instanceName)
	expect(t, plain(), "GET", "http://"+n.Forward(t, "service/"+instanceName, 80)+"/version", "", 200, `"version"`)
	deleteSet(t, n, app)
	n.Gone(t)
}

// TestTimoniEverything installs the module with every object on, and runs its test, which writes to the cache.
func TestTimoniEverything(t *testing.T) {
	t.Parallel()
	n := kube.NewNamespace(t)
	cache := inNamespace(t, n, filepath.Join(kustomizations, "demo/base/cache"))
	applyKustomization(t, n, cache)
	n.WaitRollout(t, "deployment/cache")

	sets := timoniSets(t, n, `{
		ui: message: "from the module"
		autoscaling: {enabled: true, minReplicas: 2, maxReplicas: 3}
		ingress: enabled: true
		monitoring: enabled: true
		caching: {enabled: true, redisURL: "tcp://cache:6379"}
		test: enabled: true
	}`)
	n.Apply(t, sets["app"])
	n.WaitRollout(t, "deployment/"+instanceName)
	eventuallyReplicas(t, n, instanceName, 2)
	expect(t, plain(), "GET", "http://"+n.Forward(t, "service/"+instanceName, 80)+"/api/info", "", 200, "from the module")

	n.Apply(t, sets["test"])
	n.Kubectl(t, "wait", "job/"+instanceName+"-test", "--for=condition=complete", "--timeout=2m")
	deleteSet(t, n, sets["test"])
	deleteSet(t, n, sets["app"])
	n.Kubectl(t, "delete", "-k", cache)
	n.Gone(t)
}
