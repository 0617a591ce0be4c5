package kubernetes

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/e2e/kube"
)

// pods are the names of podinfo's pods, those that are about to go among them.
func (r release) pods(t *testing.T) []string {
	t.Helper()
	names := strings.Fields(r.Kubectl(t, "get", "pods", "--selector=app.kubernetes.io/name="+helmFullname,
		"--output=jsonpath={.items[*].metadata.name}"))
	slices.Sort(names)
	return names
}

// serving are the pods that the Service sends requests to.
func (r release) serving(t *testing.T) []string {
	t.Helper()
	names := strings.Fields(r.Kubectl(t, "get", "endpointslices", "--selector=kubernetes.io/service-name="+helmFullname,
		"--output=jsonpath={.items[*].endpoints[?(@.conditions.ready==true)].targetRef.name}"))
	slices.Sort(names)
	return names
}

// load sends requests to the Service and counts the answers by the pods that give them. It goes by the Service's
// address: what a busy DNS server drops is not podinfo's to lose.
func (r release) load(t *testing.T, options kube.LoadOptions) *kube.Load {
	t.Helper()
	address := "http://" + r.get(t, "service/"+helmFullname, ".spec.clusterIP")
	options.URL = address + ":9898/api/info"
	if options.GRPC {
		options.URL = address + ":9999/info.InfoService/Info"
	}
	options.CountBy = "(" + helmFullname + "-[0-9a-z]+-[0-9a-z]+)" // the name of a pod, in JSON as in protobuf
	options.Timeout = 30 * time.Second
	return r.Load(t, options)
}

// TestCallChain calls from a frontend to a backend to a cache: three releases that find each other by their Services.
func TestCallChain(t *testing.T) {
	t.Parallel()
	n := kube.NewNamespace(t)
	install := func(name string, args ...string) {
		n.Helm(t, slices.Concat([]string{"install", name, helmChart, "--wait", helmTimeout, quickProbes}, args)...)
		n.WaitRollout(t, "deployment/"+name+"-podinfo")
	}
	install("cache", "--set=redis.enabled=true")
	install("backend", "--set=cache=tcp://cache-podinfo-redis:6379")
	install("frontend", "--set=backends={http://backend-podinfo:9898/echo,http://backend-podinfo:9898/cache/color}")

	// The frontend sends the body to both paths of the backend; the second one puts it into the cache.
	frontend := "http://" + n.Forward(t, "service/frontend-podinfo", 9898)
	var answer []string
	kube.Eventually(t, kube.Until, "an answer of the backend through the frontend", func() bool {
		status, body := ask(t, plain(), http.MethodPost, frontend+"/echo", "teal")
		return status == http.StatusOK && json.Unmarshal([]byte(body), &answer) == nil &&
			slices.Equal(answer, []string{"teal", ""})
	})
	// And whoever shares the cache finds it there.
	cache := "http://" + n.Forward(t, "service/cache-podinfo", 9898)
	expect(t, plain(), http.MethodGet, cache+"/cache/color", "", http.StatusOK, "teal")
}

// TestReadinessSwitch takes one pod of two out of the Service and puts it back, without losing a request.
func TestReadinessSwitch(t *testing.T) {
	t.Parallel()
	r := release{kube.NewNamespace(t)}
	r.install(t, helmChart, quickProbes, "--set=replicaCount=2,probes.readiness.failureThreshold=1")
	pods := r.pods(t)
	load := r.load(t, kube.LoadOptions{Fresh: 4})
	resting := "http://" + r.Forward(t, "pod/"+pods[0], 9898)

	expect(t, plain(), http.MethodPost, resting+"/readyz/disable", "", http.StatusAccepted, "")
	r.waitServing(t, pods[1])
	var before int
	kube.Eventually(t, kube.Until, "new connections to lead past "+pods[0], func() bool {
		before = load.Report(t).By[pods[0]]
		load.More(t, 300)
		return load.Report(t).By[pods[0]] == before
	})
	if restarts := r.get(t, "pod/"+pods[0], ".status.containerStatuses[0].restartCount"); restarts != "0" {
		t.Errorf("%s has restarted %s times: not ready is no reason to be restarted", pods[0], restarts)
	}

	expect(t, plain(), http.MethodPost, resting+"/readyz/enable", "", http.StatusAccepted, "")
	r.waitServing(t, pods...)
	kube.Eventually(t, kube.Until, "answers of "+pods[0], func() bool { return load.Report(t).By[pods[0]] > before })
	load.StopWithoutLoss(t)
}

func (r release) waitServing(t *testing.T, pods ...string) {
	t.Helper()
	kube.Eventually(t, kube.Until, "the Service to lead to "+strings.Join(pods, ", "), func() bool {
		return slices.Equal(r.serving(t), pods)
	})
}

// TestTokensOfReplicas: what one replica signs every other accepts, and a release with a Secret of its own does not.
func TestTokensOfReplicas(t *testing.T) {
	t.Parallel()
	r, stranger := release{kube.NewNamespace(t)}, release{kube.NewNamespace(t)}
	r.install(t, helmChart, quickProbes, "--set=replicaCount=2,jwt.generate=true")
	stranger.install(t, helmChart, quickProbes, "--set=jwt.generate=true")
	pods := r.pods(t)
	token := issueToken(t, "http://"+r.Forward(t, "pod/"+pods[0], 9898))
	for _, c := range []struct {
		who    string
		r      release
		pod    string
		status int
	}{
		{"the replica that signed it", r, pods[0], http.StatusOK},
		{"the other replica", r, pods[1], http.StatusOK},
		{"a release with another secret", stranger, stranger.pods(t)[0], http.StatusUnauthorized},
	} {
		if got := validateToken(t, "http://"+c.r.Forward(t, "pod/"+c.pod, 9898), token); got != c.status {
			t.Errorf("%s answers %d, want %d", c.who, got, c.status)
		}
	}
}

func issueToken(t *testing.T, url string) string {
	t.Helper()
	status, body := ask(t, plain(), http.MethodPost, url+"/token", "alice")
	var issued struct{ Token string }
	if err := json.Unmarshal([]byte(body), &issued); err != nil || issued.Token == "" {
		t.Fatalf("no token is issued: %d %q", status, body)
	}
	return issued.Token
}

func validateToken(t *testing.T, url, token string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/token/validate", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := plain().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// TestPolicies installs what only controllers of the cluster act on, and looks whether each is about podinfo's pods.
func TestPolicies(t *testing.T) {
	t.Parallel()
	r := release{kube.NewNamespace(t)}
	r.install(t, helmChart, quickProbes, "--set=hpa.enabled=true,hpa.cpu=80,hpa.memory=200Mi,hpa.maxReplicas=3",
		"--set=networkPolicy.enabled=true,networkPolicy.egress.enabled=true",
		"--set-json=networkPolicy.ingressFrom="+`[{"namespaceSelector": {}}]`)
	// Figures need a metrics server; that the autoscaler can scale what it is about does not.
	r.Kubectl(t, "wait", "hpa/"+helmFullname, "--for=condition=AbleToScale", "--timeout="+kube.Until.String())
	want := r.get(t, "deployment/"+helmFullname, ".spec.selector.matchLabels")
	if got := r.get(t, "networkpolicy/"+helmFullname, ".spec.podSelector.matchLabels"); got != want {
		t.Errorf("the NetworkPolicy is about pods with %s, podinfo's have %s", got, want)
	}
	if got := r.get(t, "networkpolicy/"+helmFullname, ".spec.policyTypes"); got != `["Ingress","Egress"]` {
		t.Errorf("the NetworkPolicy is about %s", got)
	}
	r.uninstall(t)
}
