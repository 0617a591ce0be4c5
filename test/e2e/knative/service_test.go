package knative

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/shared/version"
	"github.com/podinfo-targets/podinfo/test/e2e/kube"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// localImage is the image under a name whose tag Knative does not ask a registry for, because it is one of dev.local
// (https://knative.dev/docs/serving/tag-resolution/).
const localImage = "dev.local/podinfo-knative:" + version.Version

const (
	// readyTimeout is what a new revision may take to become ready on a small, busy machine.
	readyTimeout = 90 * time.Second
	// idleTimeout is what it may take from the last request until the autoscaler has taken the last pod away: the window
	// of a test, thirty seconds of grace (scale-to-zero-grace-period), and some more.
	idleTimeout = 90 * time.Second
	// goneTimeout is what a pod may take to go: queue-proxy drains for 30 s first.
	goneTimeout = 90 * time.Second
)

// edit is a change to a manifest of deploy/knative: the first replaced text becomes the other.
type edit struct{ replace, by string }

// published lets the ingress offer the service.
func published() edit {
	return edit{"    networking.knative.dev/visibility: cluster-local\n", ""}
}

// quick shortens what production wants long: the time until an idle pod goes, and the time that a bad revision gets.
func quick() edit {
	const annotations = "      annotations:\n"
	return edit{annotations, annotations +
		"        autoscaling.knative.dev/window: 6s\n" +
		"        serving.knative.dev/progress-deadline: 30s\n"}
}

// variable gives podinfo one more environment variable. The value is YAML.
func variable(name, value string) edit {
	const env = "          env:\n"
	return edit{env, env + "            - name: " + name + "\n              value: " + value + "\n"}
}

// manifest returns a manifest of deploy/knative with the image that is loaded, and with edits.
func manifest(t *testing.T, file string, edits ...edit) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../../deploy/knative", file))
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, e := range append([]edit{{kube.KnativeImage, localImage}}, edits...) {
		if !strings.Contains(text, e.replace) {
			t.Fatalf("%s has no %q to replace", file, e.replace)
		}
		text = strings.Replace(text, e.replace, e.by, 1)
	}
	return text
}

// service is a Service of Knative in a namespace of its own.
type service struct {
	*kube.Namespace
	ingress
	name string
}

// newService applies a manifest in a new namespace and waits until the service is ready.
func newService(t *testing.T, name, manifest string) *service {
	t.Helper()
	s := newEmpty(t, name)
	s.start(t, manifest)
	return s
}

// newEmpty is a namespace for a service of that name. The test is skipped where there is no Knative.
func newEmpty(t *testing.T, name string) *service {
	t.Helper()
	s := &service{Namespace: kube.NewNamespace(t), name: name}
	if _, err := s.TryKubectl("get", "customresourcedefinition", "services.serving.knative.dev"); err != nil {
		testkit.Lack(t, "Knative Serving, which is not on this cluster")
	}
	s.ingress = newIngress(t, s.Namespace)
	return s
}

// start applies the service's manifest and waits until it is ready.
func (s *service) start(t *testing.T, manifest string) {
	t.Helper()
	t.Cleanup(func() { s.clear(t) })
	begin := time.Now()
	s.Apply(t, manifest)
	s.waitReady(t)
	t.Logf("%s was ready after %s", s.name, since(begin))
}

// clear takes the pods away at once when the test has passed. A namespace that is deleted with pods in it stays for
// their grace period, here five minutes, though they end long before: its controller looks again only then.
func (s *service) clear(t *testing.T) {
	if t.Failed() {
		return // What is there tells why.
	}
	s.Kubectl(t, "delete", "services.serving.knative.dev", "--all")
	kube.Eventually(t, kube.Until, "what makes pods to go", func() bool {
		return s.Kubectl(t, "get", "replicasets", "--output=name") == ""
	})
	s.Kubectl(t, "delete", "pods", "--all", "--grace-period=0", "--force")
}

func since(begin time.Time) time.Duration { return time.Since(begin).Round(time.Millisecond) }

// waitReady waits until the newest revision is ready and gets its traffic.
func (s *service) waitReady(t *testing.T) {
	t.Helper()
	s.Kubectl(t, "wait", "services.serving.knative.dev/"+s.name, "--for=condition=Ready",
		"--timeout="+readyTimeout.String())
}

// get returns one field of an object, by kubectl's JSONPath.
func (s *service) get(t *testing.T, object, path string) string {
	t.Helper()
	return s.Kubectl(t, "get", object, "--output=jsonpath="+path)
}

func (s *service) status(t *testing.T, path string) string {
	t.Helper()
	return s.get(t, "services.serving.knative.dev/"+s.name, "{.status."+path+"}")
}

// url returns the service's own URL, which only the ingress knows, once that answers by it.
func (s *service) url(t *testing.T, client *http.Client) string {
	t.Helper()
	url := s.status(t, "url")
	if url == "" || strings.HasSuffix(url, ".svc.cluster.local") {
		t.Fatalf("%s has the URL %q, want one outside the cluster", s.name, url)
	}
	s.answers(t, client, url)
	return url
}

// answers waits until the ingress knows a URL: it hears of a service a moment after that is ready.
func (s *service) answers(t *testing.T, client *http.Client, url string) {
	t.Helper()
	var last error
	var got answer
	kube.Eventually(t, kube.Until, "an answer from "+url, func() bool {
		got, last = ask(client, http.MethodGet, url+"/version", "")
		return last == nil && got.status == http.StatusOK
	})
}

// replicas returns how many pods the autoscaler wants of each revision, such as "0 1".
func (s *service) replicas(t *testing.T) string {
	t.Helper()
	return s.get(t, "deployments", "{.items[*].spec.replicas}")
}

// vanish waits until no pod has a label, nor is on its way out.
func (s *service) vanish(t *testing.T, label string) {
	t.Helper()
	kube.Eventually(t, idleTimeout+goneTimeout, "the pods with "+label+" to go", func() bool {
		return s.Kubectl(t, "get", "pods", "--selector="+label, "--output=name") == ""
	})
}

// idles waits until the autoscaler wants no pod of any revision.
func (s *service) idles(t *testing.T) {
	t.Helper()
	kube.Eventually(t, idleTimeout, "scale to zero", func() bool {
		return strings.Trim(s.replicas(t), "0 ") == ""
	})
}
