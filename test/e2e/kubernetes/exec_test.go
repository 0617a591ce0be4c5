package kubernetes

import (
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/version"
	"github.com/podinfo-targets/podinfo/test/e2e/kube"
)

// TestExec runs podcli in the container, as probes, tests and people do. Its exit code is that of kubectl.
func TestExec(t *testing.T) {
	t.Parallel()
	r := release{kube.NewNamespace(t)}
	r.install(t, helmChart, quickProbes, "--set=redis.enabled=true")
	for _, test := range []struct {
		podcli string
		exit   string // as the error of kubectl ends, "" for 0
	}{
		{podcli: "check http localhost:9898/healthz"},
		{podcli: "check http localhost:9898/api/info --contains " + version.Version},
		{podcli: "check http localhost:9797/metrics --contains http_requests_total"},
		{podcli: "check http http://" + helmFullname + ":9898/version --retry=9"},
		{podcli: "check grpc localhost:9999"},
		{podcli: "check grpc localhost:9999 --service=podinfo"},
		{podcli: "check tcp localhost:9797"},
		{podcli: "check ws ws://localhost:9898/ws/echo"},
		{podcli: "check token http://localhost:9898"},
		{podcli: "check cache http://localhost:9898"},
		{podcli: "sleep 0s"},
		{podcli: "check http localhost:9898/status/503", exit: "exit status 1"},
		{podcli: "check http localhost:9898/version --contains nothing-like-it", exit: "exit status 1"},
		{podcli: "check grpc localhost:9999 --service=stranger", exit: "exit status 1"},
		{podcli: "check tcp localhost:1 --timeout=1s", exit: "exit status 1"},
		{podcli: "sleep 0s --exit-code=7", exit: "exit status 7"},
	} {
		t.Run(test.podcli, func(t *testing.T) {
			t.Parallel()
			_, err := r.TryKubectl(append([]string{"exec", "deployment/" + helmFullname, "--", "podcli"},
				strings.Fields(test.podcli)...)...)
			switch {
			case test.exit == "" && err != nil:
				t.Error(err)
			case test.exit != "" && (err == nil || !strings.Contains(err.Error(), test.exit+"\n")):
				t.Errorf("ends with %v, want %s", err, test.exit)
			}
		})
	}
	got := r.Kubectl(t, "exec", "deployment/"+helmFullname, "--", "podcli", "version")
	if got != version.Version+"\n" {
		t.Errorf("podcli is of version %q, want %s", got, version.Version)
	}
}
