package kubernetes

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/e2e/kube"
)

const (
	helmChart = "../../../deploy/helm/podinfo"

	// helmRelease does not hold the chart's name, so that objects are called helmFullname.
	helmRelease  = "web"
	helmFullname = "web-podinfo"

	helmTimeout = "--timeout=3m"
)

// quickProbes notices within a second that a pod is ready: at the chart's own pace tests would take ten times as long.
const quickProbes = "--set=probes.readiness.initialDelaySeconds=0,probes.readiness.periodSeconds=1"

// release is a release of Helm in a namespace of its own.
type release struct{ *kube.Namespace }

// install installs a chart and waits until its pods are ready.
func (r release) install(t *testing.T, chart string, args ...string) {
	t.Helper()
	r.Helm(t, slices.Concat([]string{"install", helmRelease, chart, "--wait", helmTimeout}, args)...)
	// Helm does not wait for the pods that maxUnavailable allows to be missing, which is all of them when there is one.
	r.WaitRollout(t, "deployment/"+helmFullname)
}

// upgrade brings the release to our chart and waits until its pods are the new ones.
func (r release) upgrade(t *testing.T, args ...string) {
	t.Helper()
	r.Helm(t, slices.Concat([]string{"upgrade", helmRelease, helmChart, "--wait", helmTimeout}, args)...)
	r.WaitRollout(t, "deployment/"+helmFullname)
}

// test runs the release's tests and tells how many have passed.
func (r release) test(t *testing.T, args ...string) int {
	t.Helper()
	out := r.Helm(t, slices.Concat([]string{"test", helmRelease, helmTimeout}, args)...)
	passed := strings.Count(out, "Succeeded")
	if passed == 0 {
		t.Errorf("helm test has run no test:\n%s", out)
	}
	return passed
}

// uninstall removes the release and shows that nothing of it is left.
func (r release) uninstall(t *testing.T) {
	t.Helper()
	r.Helm(t, "uninstall", helmRelease, "--wait", helmTimeout)
	r.Gone(t)
}

// get returns a field of an object, by kubectl's JSONPath.
func (r release) get(t *testing.T, object, path string) string {
	t.Helper()
	return r.Kubectl(t, "get", object, "--output=jsonpath={"+path+"}")
}

// url leads to the release's Service.
func (r release) url(t *testing.T) string {
	t.Helper()
	return "http://" + r.Forward(t, "service/"+helmFullname, 9898)
}

// ask sends a request and returns the status and the body of the answer.
func ask(t *testing.T, client *http.Client, method, url, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

// expect fails the test unless a request is answered with a status and a body that holds text.
func expect(t *testing.T, client *http.Client, method, url, body string, status int, text string) {
	t.Helper()
	gotStatus, got := ask(t, client, method, url, body)
	if gotStatus != status || !strings.Contains(got, text) {
		t.Errorf("%s %s answers %d %q, want %d and %q", method, url, gotStatus, got, status, text)
	}
}

func plain() *http.Client { return &http.Client{Timeout: 30 * time.Second} }

// trusting returns a client that trusts one certificate only.
func trusting(t *testing.T, pem []byte) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("this is no certificate: %s", pem)
	}
	client := plain()
	client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	t.Cleanup(client.CloseIdleConnections)
	return client
}
