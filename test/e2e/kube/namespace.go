package kube

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Namespace is a namespace of one test.
type Namespace struct{ Name string }

// NewNamespace makes a namespace with a random name that enforces Pod Security "restricted". Labels, such as
// "team=web", are added to its own. It is deleted when the test ends.
func NewNamespace(t testing.TB, labels ...string) *Namespace {
	t.Helper()
	n := &Namespace{Name: "podinfo-e2e-" + strings.ToLower(rand.Text()[:8])}
	create(t, "create", "namespace", n.Name)
	t.Cleanup(func() { n.discard(t) })
	create(t, append([]string{
		"label", "namespace", n.Name, runLabel + "=" + runID(),
		"pod-security.kubernetes.io/enforce=restricted", "pod-security.kubernetes.io/enforce-version=latest",
		// A Deployment is not refused for the pods that it will make, so say at least that they will be.
		"pod-security.kubernetes.io/warn=restricted", "pod-security.kubernetes.io/warn-version=latest",
	}, labels...)...)
	Eventually(t, 30*time.Second, "the default service account of namespace "+n.Name, func() bool {
		_, err := n.TryKubectl("get", "serviceaccount", "default")
		return err == nil
	})
	return n
}

func create(t testing.TB, args ...string) {
	t.Helper()
	if _, err := command("", "kubectl", args...); err != nil {
		t.Fatal(err)
	}
}

func (n *Namespace) discard(t testing.TB) {
	if t.Failed() {
		n.dump(t)
	}
	// Main waits for all of them at once, so that no test waits for pods that take their grace period to stop.
	if _, err := command("", "kubectl", "delete", "namespace", n.Name, "--wait=false"); err != nil {
		t.Error(err)
	}
}

// dump writes what there is to know about the namespace to the test's log. Secrets are named but not shown.
func (n *Namespace) dump(t testing.TB) {
	for _, args := range [][]string{
		{"get", "all,configmaps,secrets,ingresses,poddisruptionbudgets", "--output=wide"},
		{"get", "events", "--sort-by=.lastTimestamp"},
		{"describe", "pods"},
	} {
		out, err := n.TryKubectl(args...)
		t.Logf("--- kubectl %s (%v)\n%s", strings.Join(args, " "), err, out)
	}
	pods, err := n.TryKubectl("get", "pods", "--output=name")
	if err != nil {
		return
	}
	for pod := range strings.FieldsSeq(pods) {
		for _, args := range [][]string{{"logs", pod}, {"logs", pod, "--previous"}} {
			args = append(args, "--all-containers", "--prefix", "--tail=100")
			if out, err := n.TryKubectl(args...); err == nil && out != "" {
				t.Logf("--- kubectl %s\n%s", strings.Join(args, " "), out)
			}
		}
	}
}

// Kubectl runs kubectl in the namespace and returns its stdout. When kubectl fails, the test does, with what it said.
func (n *Namespace) Kubectl(t testing.TB, args ...string) string {
	t.Helper()
	out, err := n.TryKubectl(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TryKubectl runs kubectl in the namespace and returns its stdout. The error holds all that kubectl said.
func (n *Namespace) TryKubectl(args ...string) (string, error) { return n.TryKubectlInput("", args...) }

// TryKubectlInput is TryKubectl with input on kubectl's stdin.
func (n *Namespace) TryKubectlInput(input string, args ...string) (string, error) {
	return command(input, "kubectl", append([]string{"--namespace=" + n.Name}, args...)...)
}

// Apply applies a manifest of one or more YAML documents server-side. Unknown and doubled fields fail the test.
func (n *Namespace) Apply(t testing.TB, manifest string) {
	t.Helper()
	if out, err := n.TryApply(manifest); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TryApply is Apply for a manifest that may be refused. More arguments, such as --dry-run=server, go to kubectl apply.
func (n *Namespace) TryApply(manifest string, args ...string) (string, error) {
	return n.TryKubectlInput(manifest,
		append([]string{"apply", "--server-side", "--validate=strict", "--filename=-"}, args...)...)
}

// Helm runs helm in the namespace and returns its stdout. When helm fails, the test does, with what it said.
func (n *Namespace) Helm(t testing.TB, args ...string) string {
	t.Helper()
	out, err := n.TryHelm(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TryHelm runs helm in the namespace and returns its stdout. The error holds all that helm said.
func (n *Namespace) TryHelm(args ...string) (string, error) {
	return command("", "helm", append([]string{"--namespace=" + n.Name}, args...)...)
}

// WaitRollout waits until every pod of a workload, such as "deployment/podinfo", is of its newest template and
// available.
func (n *Namespace) WaitRollout(t testing.TB, kindName string) {
	t.Helper()
	n.Kubectl(t, "rollout", "status", kindName, "--timeout="+rolloutTimeout.String())
}

// Gone waits until the namespace holds nothing but what Kubernetes itself puts into every namespace, and fails the
// test, naming what is left, when it does not become so. All kinds of the cluster are looked at, those of CRDs too.
func (n *Namespace) Gone(t testing.TB) {
	t.Helper()
	kinds, err := command("", "kubectl", "api-resources", "--namespaced", "--verbs=list", "--output=name")
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(strings.Fields(kinds), ",")
	var left []string
	gone := holds(deleteTimeout, slowPoll, func() bool {
		left = n.left(all)
		return len(left) == 0
	})
	if !gone {
		t.Fatalf("after %s these are left in namespace %s: %s", deleteTimeout, n.Name, strings.Join(left, ", "))
	}
}

func (n *Namespace) left(kinds string) []string {
	out, err := n.TryKubectl("get", kinds, "--output=name", "--ignore-not-found")
	if err != nil {
		return []string{fmt.Sprintf("(not to be read: %v)", err)}
	}
	var left []string
	for name := range strings.FieldsSeq(out) {
		if !own(name) {
			left = append(left, name)
		}
	}
	return left
}

// own tells whether an object is one that Kubernetes puts into every namespace.
func own(name string) bool {
	return name == "serviceaccount/default" || name == "configmap/kube-root-ca.crt" ||
		strings.HasPrefix(name, "event/") || strings.HasPrefix(name, "event.events.k8s.io/")
}
