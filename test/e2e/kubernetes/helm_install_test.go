package kubernetes

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/shared/config"
	"github.com/podinfo-targets/podinfo/shared/token"
	"github.com/podinfo-targets/podinfo/test/e2e/kube"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// TestHelmInstall installs the chart in the ways that people do, runs its tests, looks at what makes each way special,
// and uninstalls it without a trace.
func TestHelmInstall(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		args  func(*testing.T, release) []string // also makes what must be there before
		tests int                                // of helm test that must pass
		check func(*testing.T, release)
	}{
		{"defaults", asIs(), 3, isDefault},
		{"production", asIs("--values="+helmChart+"/values-prod.yaml", quickProbes), 4, isProduction},
		{"TLS", withCertificate, 4, servesTLS},
		{"Redis", asIs("--set=redis.enabled=true", quickProbes), 4, keepsCache},
		{"prefix", asIs("--set=prefix=/shop/podinfo", "--set=redis.enabled=true", quickProbes), 4, servesPrefix},
		{"delay", asIs("--set=faults.delay=true", quickProbes), 3, delays},
		{"generated JWT secret", asIs("--set=jwt.generate=true", quickProbes), 3, refusesPublicTokens},
		{"own JWT secret", withSecret, 3, refusesPublicTokens},
		{"config files", asIs("--values=testdata/config-files.yaml", quickProbes), 3, showsConfigs},
		{"HTTP probes", asIs("--set=probes.type=httpGet,serviceAccount.enabled=true", quickProbes), 3, hasAccount},
		{"gRPC probes", asIs("--set=probes.type=grpc,h2c.enabled=true", quickProbes), 3, speaksH2C},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := release{kube.NewNamespace(t)}
			r.install(t, helmChart, test.args(t, r)...)
			if passed := r.test(t); passed != test.tests {
				t.Errorf("%d tests have passed, not %d", passed, test.tests)
			}
			test.check(t, r)
			restarts := r.get(t, "pods", ".items[*].status.containerStatuses[*].restartCount")
			if strings.Trim(restarts, " 0") != "" {
				t.Errorf("containers have restarted: %s", restarts)
			}
			r.Kubectl(t, "delete", "secrets", "--selector="+madeByTest)
			r.uninstall(t)
		})
	}
}

// madeByTest labels what a test has made beside the release, which Helm cannot know of.
const madeByTest = "made-by=test"

func asIs(args ...string) func(*testing.T, release) []string {
	return func(*testing.T, release) []string { return args }
}

func withCertificate(t *testing.T, r release) []string {
	t.Helper()
	certificate := testkit.NewCertificate(t)
	r.Kubectl(t, "create", "secret", "tls", "certificate", "--cert="+certificate.CertFile, "--key="+certificate.KeyFile)
	r.Kubectl(t, "label", "secret", "certificate", madeByTest)
	return []string{"--set=tls.enabled=true,tls.secretName=certificate", quickProbes}
}

func withSecret(t *testing.T, r release) []string {
	t.Helper()
	r.Kubectl(t, "create", "secret", "generic", "signing", "--from-literal=key=only this test knows it")
	r.Kubectl(t, "label", "secret", "signing", madeByTest)
	return []string{"--set=jwt.existingSecret=signing,jwt.secretKey=key", quickProbes}
}

// isDefault looks at what the established chart's users rely on.
func isDefault(t *testing.T, r release) {
	t.Helper()
	const deployment = "deployment/" + helmFullname
	for path, want := range map[string]string{
		".spec.replicas":                                           "1",
		".spec.selector.matchLabels":                               `{"app.kubernetes.io/name":"` + helmFullname + `"}`,
		".spec.template.spec.containers[*].name":                   "podinfo",
		".spec.template.spec.containers[0].image":                  kube.Image,
		".spec.template.spec.containers[0].ports[*].name":          "http http-metrics grpc",
		".spec.template.metadata.annotations.prometheus\\.io/port": "9898",
	} {
		if got := r.get(t, deployment, path); got != want {
			t.Errorf("%s of the Deployment is %s, not %s", path, got, want)
		}
	}
	expect(t, plain(), http.MethodGet, r.url(t)+"/api/info", "", http.StatusOK, "greetings from podinfo")
	r.Kubectl(t, "exec", deployment, "--", "podcli", "check", "http", "localhost:9898/readyz")
}

func isProduction(t *testing.T, r release) {
	t.Helper()
	if got := r.get(t, "hpa/"+helmFullname, ".spec.minReplicas}-{.spec.maxReplicas"); got != "1-5" {
		t.Errorf("the autoscaler goes from %s replicas, not 1-5", got)
	}
	keepsCache(t, r)
}

func servesTLS(t *testing.T, r release) {
	t.Helper()
	certificate, err := base64.StdEncoding.DecodeString(r.get(t, "secret/certificate", `.data.tls\.crt`))
	if err != nil {
		t.Fatal(err)
	}
	client := trusting(t, certificate)
	expect(t, client, http.MethodGet, "https://"+r.Forward(t, "service/"+helmFullname, 9899)+"/version", "",
		http.StatusOK, "version")
	expect(t, plain(), http.MethodGet, r.url(t)+"/version", "", http.StatusOK, "version")
}

// keepsCache shows that what is cached outlives podinfo, so that it must be in Redis.
func keepsCache(t *testing.T, r release) {
	t.Helper()
	expect(t, plain(), http.MethodPost, r.url(t)+"/cache/color", "teal", http.StatusAccepted, "")
	r.Kubectl(t, "rollout", "restart", "deployment/"+helmFullname)
	r.WaitRollout(t, "deployment/"+helmFullname)
	expect(t, plain(), http.MethodGet, r.url(t)+"/cache/color", "", http.StatusOK, "teal")
}

func servesPrefix(t *testing.T, r release) {
	t.Helper()
	url := r.url(t)
	expect(t, plain(), http.MethodGet, url+"/shop/podinfo/api/info", "", http.StatusOK, "hostname")
	expect(t, plain(), http.MethodGet, url+"/api/info", "", http.StatusNotFound, "")
}

// delays is true of every request with a chance of 24 in 25: delays are spread evenly over five seconds.
func delays(t *testing.T, r release) {
	t.Helper()
	url, start := r.url(t), time.Now()
	for range 4 {
		expect(t, plain(), http.MethodGet, url+"/version", "", http.StatusOK, "version")
	}
	if took := time.Since(start); took < 200*time.Millisecond {
		t.Errorf("four requests took %s with faults.delay", took)
	}
}

func refusesPublicTokens(t *testing.T, r release) {
	t.Helper()
	public, err := token.NewIssuer(config.DefaultJWTSecret).Issue("eve")
	if err != nil {
		t.Fatal(err)
	}
	if got := validateToken(t, r.url(t), public.Token); got != http.StatusUnauthorized {
		t.Errorf("a token signed with the well-known key is answered with %d", got)
	}
}

func showsConfigs(t *testing.T, r release) {
	t.Helper()
	status, body := ask(t, plain(), http.MethodGet, r.url(t)+"/configs", "")
	var configs map[string]string
	if err := json.Unmarshal([]byte(body), &configs); err != nil || status != http.StatusOK {
		t.Fatalf("/configs answers %d %s: %v", status, body, err)
	}
	if configs["season"] != "autumn" {
		t.Errorf("/configs shows %v, not the files of config.files", configs)
	}
	expect(t, plain(), http.MethodGet, r.url(t)+"/api/info", "", http.StatusOK, "set in the config file")
}

func hasAccount(t *testing.T, r release) {
	t.Helper()
	if got := r.get(t, "pods", ".items[0].spec.serviceAccountName"); got != helmFullname {
		t.Errorf("the pod runs as %s, not %s", got, helmFullname)
	}
	expect(t, plain(), http.MethodGet, r.url(t)+"/version", "", http.StatusOK, "version")
}

func speaksH2C(t *testing.T, r release) {
	t.Helper()
	client := plain()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	client.Transport = transport
	expect(t, client, http.MethodGet, r.url(t)+"/version", "", http.StatusOK, "version")
}
