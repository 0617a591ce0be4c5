package gitops

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	flagger "github.com/fluxcd/flagger/pkg/apis/flagger/v1beta1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/podinfo-targets/podinfo/test/deploy/internal/manifest"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// canaries are the examples of Canary objects by the file that they are in.
func canaries(t testing.TB) map[string]*flagger.Canary {
	t.Helper()
	found := map[string]*flagger.Canary{}
	for _, file := range []string{"blue-green.yaml", "gateway-api.yaml"} {
		found[file] = manifest.Get[*flagger.Canary](t, objects(t, "deploy/flagger/"+file), "podinfo")
	}
	return found
}

// selectors are the labels that Flagger can tell a Deployment's pods by, from its flag --selector-labels.
var selectors = []string{"app", "name", "app.kubernetes.io/name"}

func TestCanariesFitTheChart(t *testing.T) {
	t.Parallel()
	rendered := render(t, "podinfo", "--values="+filepath.Join(root, "deploy", "flagger", "values.yaml"))
	if services := all[*corev1.Service](rendered); len(services) > 0 {
		t.Errorf("the chart makes the Service %s, which Flagger wants to make", services[0].Name)
	}
	monitored := slices.ContainsFunc(all[*unstructured.Unstructured](rendered), func(o *unstructured.Unstructured) bool {
		return o.GetKind() == "PodMonitor"
	})
	if !monitored {
		t.Error("the chart makes no PodMonitor, so the queries find no pod")
	}
	for file, canary := range canaries(t) {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			deployment := manifest.Get[*appsv1.Deployment](t, rendered, canary.Spec.TargetRef.Name)
			if deployment.Spec.Replicas != nil {
				t.Error("the chart sets the number of pods: an upgrade would wake the canary that Flagger has scaled to zero")
			}
			manifest.Get[*autoscalingv2.HorizontalPodAutoscaler](t, rendered, canary.Spec.AutoscalerRef.Name)
			known := slices.ContainsFunc(selectors, func(label string) bool {
				return deployment.Spec.Selector.MatchLabels[label] != ""
			})
			if !known {
				t.Errorf("Flagger knows none of the labels %v", deployment.Spec.Selector.MatchLabels)
			}
			ports := deployment.Spec.Template.Spec.Containers[0].Ports
			offered := slices.ContainsFunc(ports, func(p corev1.ContainerPort) bool {
				return p.Name == canary.Spec.Service.TargetPort.StrVal && p.ContainerPort == canary.Spec.Service.Port
			})
			if !offered {
				t.Errorf("the canary is about port %q, %d; the chart has %v",
					canary.Spec.Service.TargetPort.StrVal, canary.Spec.Service.Port, ports)
			}
		})
	}
}

func TestCanariesCanBeRouted(t *testing.T) {
	t.Parallel()
	for file, provider := range map[string]string{"blue-green.yaml": "kubernetes", "gateway-api.yaml": "gatewayapi:v1"} {
		canary := canaries(t)[file]
		if canary.Spec.Provider != provider {
			t.Errorf("%s: the provider is %q, want %q", file, canary.Spec.Provider, provider)
		}
		analysis := canary.Spec.Analysis
		steps := analysis.StepWeight > 0 && analysis.StepWeight <= analysis.MaxWeight && analysis.MaxWeight <= 100
		if steps == (analysis.Iterations > 0) {
			t.Errorf("%s: want either steps up to a weight or iterations, got %+v", file, analysis)
		}
	}
}

// tester are the paths at which Flagger's load tester takes each type of webhook.
var tester = map[flagger.HookType]string{
	flagger.ConfirmRolloutHook:   "/gate/check",
	flagger.ConfirmPromotionHook: "/gate/check",
	flagger.RollbackHook:         "/rollback/check",
	flagger.RolloutHook:          "/",
}

func TestWebhooksLeadSomewhere(t *testing.T) {
	t.Parallel()
	for file, canary := range canaries(t) {
		own := fmt.Sprintf("http://%s-canary.%s:%d/", canary.Spec.Service.Name, canary.Namespace, canary.Spec.Service.Port)
		for _, hook := range canary.Spec.Analysis.Webhooks {
			if strings.HasPrefix(hook.URL, own) {
				continue
			}
			if want := "http://flagger-loadtester." + canary.Namespace + tester[hook.Type]; hook.URL != want {
				t.Errorf("%s: %q is sent to %s, want %s, or a path of %s", file, hook.Name, hook.URL, want, own)
			}
			if hook.Type != flagger.RolloutHook {
				continue
			}
			load, hosts := (*hook.Metadata)["cmd"], canary.Spec.Service.Hosts
			if !strings.Contains(load, own) && (len(hosts) == 0 || !strings.Contains(load, " -host "+hosts[0]+" ")) {
				t.Errorf("%s: the load %q meets no canary", file, load)
			}
		}
	}
}

// The load starts with the first check, and Prometheus knows a rate when it has scraped twice. The checks until then
// fail, and no canary must be given up for them.
func TestCanariesOutliveTheirFirstChecks(t *testing.T) {
	t.Parallel()
	scrape := scrapeInterval(t)
	for file, canary := range canaries(t) {
		interval, err := time.ParseDuration(canary.Spec.Analysis.Interval)
		if err != nil {
			t.Fatal(err)
		}
		failing := 1 + int(math.Ceil(float64(2*scrape)/float64(interval)))
		if threshold := canary.Spec.Analysis.Threshold; threshold <= failing {
			t.Errorf("%s: a canary is given up after %d failed checks, and up to %d fail before Prometheus knows anything",
				file, threshold, failing)
		}
	}
}

// scrapeInterval is how often Prometheus asks the pods of the example's release.
func scrapeInterval(t *testing.T) time.Duration {
	t.Helper()
	rendered := render(t, "podinfo", "--values="+filepath.Join(root, "deploy", "flagger", "values.yaml"))
	for _, o := range all[*unstructured.Unstructured](rendered) {
		if o.GetKind() != "PodMonitor" {
			continue
		}
		endpoints, _, err := unstructured.NestedSlice(o.Object, "spec", "podMetricsEndpoints")
		if err != nil || len(endpoints) != 1 {
			t.Fatalf("the PodMonitor has the endpoints %v (%v), want one", endpoints, err)
		}
		interval, err := time.ParseDuration(endpoints[0].(map[string]any)["interval"].(string))
		if err != nil {
			t.Fatal(err)
		}
		return interval
	}
	t.Fatal("the chart makes no PodMonitor")
	return 0
}

func TestCanariesAskForTemplatesThatExist(t *testing.T) {
	t.Parallel()
	templates := objects(t, "deploy/flagger/metrics.yaml")
	used := map[string]bool{}
	for file, canary := range canaries(t) {
		for _, metric := range canary.Spec.Analysis.Metrics {
			manifest.Get[*flagger.MetricTemplate](t, templates, metric.TemplateRef.Name)
			used[metric.TemplateRef.Name] = true
			if metric.ThresholdRange == nil {
				t.Errorf("%s: %q has no range", file, metric.Name)
			}
		}
	}
	for _, template := range all[*flagger.MetricTemplate](templates) {
		if !used[template.Name] {
			t.Errorf("no example uses the template %s", template.Name)
		}
	}
}

// Flagger goes on after a webhook has answered its POST with 202 or less.
func TestPodinfoPassesItsOwnWebhooks(t *testing.T) {
	t.Parallel()
	server := testkit.StartPodinfo(t)
	for file, canary := range canaries(t) {
		own := 0
		for _, hook := range canary.Spec.Analysis.Webhooks {
			u, err := url.Parse(hook.URL)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(u.Host, canary.Name+"-canary.") {
				continue
			}
			own++
			answer, err := http.Post(server.URL+u.Path, "application/json", strings.NewReader(`{"name":"podinfo"}`))
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if answer.StatusCode > http.StatusAccepted {
				t.Errorf("%s: %q gets %s from %s, so no canary would ever pass", file, hook.Name, answer.Status, u.Path)
			}
		}
		if own == 0 {
			t.Errorf("%s: no webhook asks podinfo itself", file)
		}
	}
}
