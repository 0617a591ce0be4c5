package helm

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// What alerts are about is told by the labels that a scrape of this release has, and nothing else of the file changes.
func TestAlertsAreThoseOfTheFile(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join(chart, "files", "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	const every, own = `job=~"podinfo.*"`, `namespace="default",job="podinfo"`
	if !strings.Contains(string(content), every) {
		t.Fatalf("files/alerts.yaml has no matcher %s to replace", every)
	}
	var file map[string]any
	if err := yaml.Unmarshal([]byte(strings.ReplaceAll(string(content), every, own)), &file); err != nil {
		t.Fatal(err)
	}
	rule := mustRender(t, expand(map[string]any{"prometheusRule.enabled": true}))["PrometheusRule/podinfo"]
	if got, want := compact(at(rule, "spec", "groups")), compact(file["groups"]); got != want {
		t.Errorf("the alerts are\n%s\nwant\n%s", got, want)
	}
}

// An alert has the namespace and job of the release, whichever of the two monitors scrapes it: the name of the Service
// or the value of the pods' label.
func TestAlertsHaveTheJobOfBothMonitors(t *testing.T) {
	t.Parallel()
	all := everything(t)
	if rule := compact(all["PrometheusRule/web-podinfo"]); !strings.Contains(rule, `job=\"web-podinfo\"`) {
		t.Errorf("the alerts are not about the job web-podinfo: %s", rule)
	}
	if label := at(all["ServiceMonitor/web-podinfo"], "spec", "jobLabel"); label != nil {
		t.Errorf("the ServiceMonitor names the job by the label %v, want none, so that it is the Service's name", label)
	}
	label, _ := at(all["PodMonitor/web-podinfo"], "spec", "jobLabel").(string)
	if job := podLabels(all["Deployment/web-podinfo"])[label]; job != "web-podinfo" {
		t.Errorf("the PodMonitor names the job by the pods' label %q, which is %v, want web-podinfo", label, job)
	}
}

func TestDashboardIsThatOfTheFile(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile(filepath.Join(chart, "files", "dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	all := mustRender(t, expand(map[string]any{"dashboard.enabled": true}))
	if got := at(all["ConfigMap/podinfo-dashboard"], "data", "podinfo.json"); got != strings.TrimSpace(string(want)) {
		t.Errorf("the dashboard is not files/dashboard.json but\n%v", got)
	}
}

func TestGeneratedSecretsAreLongAndNeverTheSame(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for range 2 {
		// Not by template, which replaces what is random.
		out, err := helm(t, "", "template", "podinfo", chart, "--kube-version="+kubeVersion, "--set=jwt.generate=true")
		if err != nil {
			t.Fatal(err)
		}
		encoded, _ := at(parse(t, out)["Secret/podinfo-jwt"], "data", "jwt-secret").(string)
		secret, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || !regexp.MustCompile(`^[A-Za-z0-9]{64}$`).Match(secret) {
			t.Errorf("the secret is not 64 letters and digits (%v)", err)
		}
		seen[encoded] = true
	}
	if len(seen) != 2 {
		t.Error("two releases get the same secret")
	}
}
