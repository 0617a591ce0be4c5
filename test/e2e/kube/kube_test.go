package kube_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/test/e2e/kube"
)

func TestMain(m *testing.M) { kube.Main(m) }

// web is the least that the helpers can be tried on: a Deployment and its Service.
const web = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: web
        image: ` + kube.Image + `
        args: [./podinfo, --port=9898, --shutdown-delay=0s]
        ports: [{name: http, containerPort: 9898}]
        readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 1}
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities: {drop: [ALL]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}]
`

// TestHelpers tries on a real Deployment what the other tests stand on.
func TestHelpers(t *testing.T) {
	t.Parallel()
	n := kube.NewNamespace(t, "team=web")
	n.Gone(t)
	n.Apply(t, web)
	n.WaitRollout(t, "deployment/web")

	response, err := http.Get("http://" + n.Forward(t, "service/web", 80) + "/version")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("/version answers %s", response.Status)
	}

	good := n.Load(t, kube.LoadOptions{URL: "http://web/api/info", CountBy: `"hostname": ?"([^"]*)"`})
	good.More(t, 50)
	report := good.StopWithoutLoss(t)
	if len(report.By) != 1 || report.By["(not found)"] > 0 {
		t.Errorf("one pod has answered, but they are counted as %v", report.By)
	}

	// A load must see what a Service without pods does to its clients.
	lossy := n.Load(t, kube.LoadOptions{URL: "http://web/version"})
	n.Kubectl(t, "scale", "deployment/web", "--replicas=0")
	n.Kubectl(t, "wait", "pod", "--selector=app=web", "--for=delete", "--timeout=60s")
	lossy.More(t, 50)
	if report := lossy.Stop(t); report.Failed == 0 || len(report.Failures) == 0 {
		t.Errorf("no request has failed though no pod was left: %+v", report)
	}

	n.Kubectl(t, "delete", "deployment,service,pod", "--all")
	n.Gone(t)
}

// TestNamespacesEnforceRestricted shows that a pod which asks for too much is refused, and that typing errors are.
func TestNamespacesEnforceRestricted(t *testing.T) {
	t.Parallel()
	n := kube.NewNamespace(t)
	pod := `{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: web, image: x%s}]}}`
	_, err := n.TryApply(strings.Replace(pod, "%s", "", 1))
	if err == nil || !strings.Contains(err.Error(), `violates PodSecurity "restricted`) {
		t.Errorf("a pod without a security context must be refused, got: %v", err)
	}
	_, err = n.TryApply(strings.Replace(pod, "%s", ", imagePullPolitics: Never", 1))
	if err == nil || !strings.Contains(err.Error(), "imagePullPolitics") {
		t.Errorf("an unknown field must be refused by name, got: %v", err)
	}
}
